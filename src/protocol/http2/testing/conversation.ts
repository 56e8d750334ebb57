/** Scripted conversations: a transport in memory, owners that write down what they hear, and both engines on top. */
import { type ByteWriter, createByteWriter } from "../../byte-writer.ts";
import type {
  Engine,
  EngineHost,
  MessageReader,
  MessageWriter,
  RequestHead,
  Reset,
  ResponseHead,
} from "../../exchange.ts";
import { createHttp2Client, type Http2Client } from "../client.ts";
import { CLIENT_PREFACE } from "../numbers.ts";
import { createHttp2Server, type Http2Server } from "../server.ts";
import type { Http2Settings } from "../settings.ts";
import { FrameReader, type Seen, settings, settingsAck } from "./frames.ts";

/** A transport whose other end is the test. */
export class MemoryHost implements EngineHost {
  readonly out: ByteWriter = createByteWriter();
  finished = false;
  closeReset: Reset | undefined = undefined;
  closed = false;
  /** In which a rest was shown again. */
  turns = 0;
  readonly #reader = new FrameReader();
  #rest: Buffer | undefined;

  wantFlush(): void {}
  pauseReading(): void {}
  resumeReading(): void {}

  readAgain(rest: Buffer): void {
    this.#rest = Buffer.from(rest);
  }

  /** What a transport does in its next turns. */
  showRest(engine: Engine): void {
    while (this.#rest !== undefined) {
      const rest = this.#rest;
      this.#rest = undefined;
      this.turns += 1;
      engine.receive(rest);
    }
  }

  finish(): void {
    this.finished = true;
  }

  close(reset: Reset | undefined): void {
    this.closed = true;
    this.closeReset = reset;
  }

  /** The frames written since the last time; the bytes count as sent. */
  frames(engine: Engine | undefined, skip = 0): Seen[] {
    const frames = this.#reader.read(this.out.take().subarray(skip));
    engine?.flushed();
    return frames;
  }
}

/** One exchange as its owner saw it: strings in the order in which they came. */
export class Recorder<Head> implements MessageReader<Head> {
  readonly events: string[] = [];
  head: Head | undefined = undefined;
  reset: Reset | undefined = undefined;
  trailers: string[] | undefined = undefined;
  body = "";
  ended = false;
  credit = 0;
  /** Grants at once what it takes, unless a test wants to hold it back. */
  granting = true;
  writer: { grant(bytes: number): void } | undefined = undefined;

  onHead(head: Head, end: boolean): void {
    this.head = head;
    this.events.push(end ? "head end" : "head");
    this.ended ||= end;
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.body += Buffer.from(chunk).toString("latin1");
    this.events.push(end ? "data end" : "data");
    this.ended ||= end;
    if (this.granting) this.writer?.grant(chunk.length);
  }

  onTrailers(headers: string[]): void {
    this.trailers = headers;
    this.events.push("trailers");
    this.ended = true;
  }

  onReset(reset: Reset): void {
    this.reset = reset;
    this.events.push("reset");
  }

  onCredit(bytes: number): void {
    this.credit += bytes;
  }
}

export interface ServedRequest {
  readonly head: RequestHead;
  readonly end: boolean;
  readonly response: MessageWriter<ResponseHead>;
  readonly recorder: Recorder<RequestHead>;
}

export interface ServerConversation {
  readonly host: MemoryHost;
  readonly engine: Http2Server;
  readonly requests: ServedRequest[];
  /** The peer sends; what the engine answers is given back. */
  readonly sends: (...parts: Buffer[]) => Seen[];
}

/** A server that has shaken hands. `onRequest` may answer at once. */
export function serve(
  options: Http2Settings = {},
  onRequest: (request: ServedRequest) => void = () => {},
  acknowledges = true,
): ServerConversation {
  const host = new MemoryHost();
  const requests: ServedRequest[] = [];
  const engine = createHttp2Server(
    host,
    {
      onRequest(head, end, response) {
        const recorder = new Recorder<RequestHead>();
        recorder.writer = response;
        const request = { head, end, response, recorder };
        requests.push(request);
        onRequest(request);
        return recorder;
      },
    },
    options,
  );
  const sends = (...parts: Buffer[]): Seen[] => {
    for (const part of parts) {
      engine.receive(part);
      host.showRest(engine);
    }
    return host.frames(engine);
  };
  sends(Buffer.from(CLIENT_PREFACE, "latin1"), settings());
  if (acknowledges) sends(settingsAck);
  return { host, engine, requests, sends };
}

export interface ClientConversation {
  readonly host: MemoryHost;
  readonly engine: Http2Client;
  /** Times that the owner was told of capacity, and of the end of the connection's use. */
  readonly told: { capacity: number; draining: number };
  readonly sends: (...parts: Buffer[]) => Seen[];
  /** What the engine wrote by itself since the last time. */
  readonly frames: () => Seen[];
  /** Opens a request; the recorder grants through its writer. */
  readonly opens: (
    head?: Partial<RequestHead>,
    end?: boolean,
  ) => { recorder: Recorder<ResponseHead>; writer: MessageWriter<RequestHead> };
}

/** A client that has shaken hands with a server of these settings. */
export function call(
  options: Http2Settings = {},
  peer: Readonly<Record<number, number>> = {},
): ClientConversation {
  const host = new MemoryHost();
  const told = { capacity: 0, draining: 0 };
  const engine = createHttp2Client(
    host,
    { onCapacity: () => (told.capacity += 1), onDraining: () => (told.draining += 1) },
    options,
  );
  host.frames(engine, CLIENT_PREFACE.length);
  const sends = (...parts: Buffer[]): Seen[] => {
    for (const part of parts) engine.receive(part);
    return host.frames(engine);
  };
  sends(settings(peer), settingsAck);
  const opens: ClientConversation["opens"] = (head = {}, end = true) => {
    const recorder = new Recorder<ResponseHead>();
    const writer = engine.open({ ...plainGet, ...head }, end, recorder);
    recorder.writer = writer;
    return { recorder, writer };
  };
  return { host, engine, told, sends, frames: () => host.frames(engine), opens };
}

const plainGet: RequestHead = {
  method: "GET",
  scheme: "https",
  authority: "example.com",
  path: "/",
  protocol: "",
  headers: [],
  version: 20,
};
