/** One gRPC call on an HTTP/2 stream: what is sent, what comes, and the one status that it ends with. */
import type { Clock } from "../../core/clock.ts";
import { millis } from "../../core/duration.ts";
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestHead,
  Reset,
  ResponseHead,
} from "../exchange.ts";
import type { Http2Client } from "../http2/client.ts";
import { CANCEL, PROTOCOL_ERROR } from "../http2/numbers.ts";
import {
  type GrpcCallOptions,
  GrpcError,
  type GrpcStream,
  type GrpcStreamEvents,
} from "./client.ts";
import { encodeMessage, MessageDecoder } from "./message-framing.ts";
import { decodeGrpcMessage } from "./message-text.ts";
import {
  GRPC_CANCELLED,
  GRPC_DEADLINE_EXCEEDED,
  GRPC_INTERNAL,
  GRPC_OK,
  GRPC_RESOURCE_EXHAUSTED,
  GRPC_UNAVAILABLE,
  GRPC_UNIMPLEMENTED,
  GRPC_UNKNOWN,
  grpcStatusOfHttp,
  grpcStatusOfReset,
  parseGrpcStatus,
} from "./status.ts";
import { formatGrpcTimeout } from "./timeout.ts";
import { isGrpcContentType } from "./trailers-only.ts";

export interface CallConfig extends GrpcCallOptions {
  readonly scheme: string;
  readonly authority: string;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  readonly maxUnsentBytes: number;
  /** Everything sent is kept, so that the call may move to another connection if the peer did not look at it. */
  readonly repeatable: boolean;
}

export class Call implements GrpcStream, MessageReader<ResponseHead> {
  ended = false;
  readonly #config: CallConfig;
  readonly #events: GrpcStreamEvents;
  readonly #again: () => void;
  readonly #decoder: MessageDecoder;
  readonly #stopTimer: (() => void) | undefined;
  #engine: Http2Client | undefined = undefined;
  #writer: MessageWriter<RequestHead> | undefined = undefined;
  /** Messages that wait for the stream, or that may be sent again. */
  #kept: Buffer[] = [];
  #unsent = 0;
  #finished = false;
  #repeats = 0;

  /** `again` is called when the call wants another connection. */
  constructor(config: CallConfig, events: GrpcStreamEvents, again: () => void) {
    this.#config = config;
    this.#events = events;
    this.#again = again;
    this.#decoder = new MessageDecoder(config.maxMessageBytes, (message) => {
      if (!this.ended) this.#events.onMessage(message);
    });
    const { timeoutMillis } = config;
    if (timeoutMillis !== undefined) {
      this.#stopTimer = config.clock.after(millis(timeoutMillis), () => {
        this.fail(new GrpcError(GRPC_DEADLINE_EXCEEDED, `no answer within ${timeoutMillis} ms`));
      });
    }
  }

  /** Opens the stream; the caller has looked at `capacity`. */
  start(engine: Http2Client): void {
    this.#engine = engine;
    this.#unsent = 0;
    for (const message of this.#kept) this.#unsent += message.length;
    const writer = engine.open(this.#head(), false, this);
    if (this.ended) return;
    this.#writer = writer;
    for (const message of this.#kept) writer.data(message, false);
    if (!this.#config.repeatable) this.#kept = [];
    if (this.#finished) writer.data(noBytes, true);
  }

  send(message: Uint8Array): boolean {
    if (this.ended || this.#finished) return false;
    const framed = encodeMessage(message);
    this.#unsent += framed.length;
    if (this.#unsent > this.#config.maxUnsentBytes) {
      this.fail(new GrpcError(GRPC_RESOURCE_EXHAUSTED, "too many bytes wait to be sent"));
      return false;
    }
    if (this.#writer === undefined || this.#config.repeatable) this.#kept.push(framed);
    this.#writer?.data(framed, false);
    return true;
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#writer?.data(noBytes, true);
  }

  cancel(): void {
    this.fail(new GrpcError(GRPC_CANCELLED, "cancelled by the caller"));
  }

  /** Ends the call from our side. */
  fail(error: GrpcError): void {
    this.#reset(error.message, CANCEL);
    this.#end(error);
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (head.status < 200 || this.ended) return;
    if (valueOf(head.headers, "grpc-status") !== undefined && end) {
      return this.#endWith(head.headers);
    }
    if (head.status !== 200) {
      const error = new GrpcError(grpcStatusOfHttp(head.status), `HTTP status ${head.status}`);
      return this.#refuse(error);
    }
    if (!isGrpcContentType(valueOf(head.headers, "content-type") ?? "")) {
      return this.#refuse(new GrpcError(GRPC_UNKNOWN, "content-type is not application/grpc"));
    }
    if (end) this.#end(new GrpcError(GRPC_INTERNAL, "answer without grpc-status"));
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.ended) return;
    const problem = this.#decoder.receive(chunk);
    this.#writer?.grant(chunk.length);
    if (problem === "too large") {
      const text = `message larger than ${this.#config.maxMessageBytes} bytes`;
      this.#refuse(new GrpcError(GRPC_RESOURCE_EXHAUSTED, text));
    } else if (problem !== "") {
      const status = problem === "compressed" ? GRPC_UNIMPLEMENTED : GRPC_INTERNAL;
      this.#refuse(new GrpcError(status, `${problem} message`));
    } else if (end) {
      this.#end(new GrpcError(GRPC_INTERNAL, "answer without grpc-status"));
    }
  }

  onTrailers(headers: HeaderList): void {
    if (!this.ended) this.#endWith(headers);
  }

  onReset(reset: Reset): void {
    if (this.ended) return;
    this.#writer = undefined;
    if (reset.unprocessed && this.#config.repeatable && this.#repeats === 0) {
      this.#repeats += 1;
      // Not from inside the engine that is just refusing.
      queueMicrotask(this.#again);
      return;
    }
    // A lost connection says nothing of this call; a reset stream does.
    const lost = reset.unprocessed || this.#engine?.alive !== true;
    const status = lost ? GRPC_UNAVAILABLE : grpcStatusOfReset(reset.http2Code);
    this.#end(new GrpcError(status, reset.detail));
  }

  onCredit(bytes: number): void {
    this.#unsent -= bytes;
  }

  #head(): RequestHead {
    const { path, scheme, authority, metadata, timeoutMillis } = this.#config;
    const headers = ["te", "trailers", "content-type", "application/grpc"];
    headers.push("user-agent", "grpc-remora/1");
    if (timeoutMillis !== undefined) {
      headers.push("grpc-timeout", formatGrpcTimeout(timeoutMillis));
    }
    for (const [name, value] of Object.entries(metadata ?? {})) headers.push(name, value);
    return { method: "POST", scheme, authority, path, protocol: "", headers, version: 20 };
  }

  #endWith(trailers: HeaderList): void {
    const status = parseGrpcStatus(valueOf(trailers, "grpc-status") ?? "");
    if (status === GRPC_OK) {
      if (!this.#decoder.partial) return this.#end(undefined);
      return this.#end(new GrpcError(GRPC_INTERNAL, "answer ends inside a message"));
    }
    const message = decodeGrpcMessage(valueOf(trailers, "grpc-message") ?? "");
    this.#end(new GrpcError(status, message));
  }

  /** The peer's answer is of no use. */
  #refuse(error: GrpcError): void {
    this.#reset(error.message, PROTOCOL_ERROR);
    this.#end(error);
  }

  #reset(detail: string, http2Code: number): void {
    const writer = this.#writer;
    this.#writer = undefined;
    writer?.reset({ code: "internal", http2Code, detail, unprocessed: false });
  }

  #end(error: GrpcError | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.#kept = [];
    this.#stopTimer?.();
    // A server may end before we do (its END_STREAM, then RST_STREAM or not): our half has no more use.
    this.#reset("call ended", CANCEL);
    this.#events.onEnd(error);
  }
}

const noBytes = new Uint8Array(0);

function valueOf(headers: HeaderList, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === name) return headers[at + 1];
  }
  return undefined;
}
