/** Owners of exchanges that write down what they are told, one line each. */
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  Reset,
  ResponseHead,
} from "../../exchange.ts";

/** Writes down one direction; data is joined so that the record does not depend on how bytes were cut. */
export class Recorder implements MessageReader<ResponseHead | RequestHead> {
  readonly events: string[] = [];
  body = "";
  trailers: HeaderList = [];
  ended = false;
  reset: Reset | undefined;
  credit = 0;
  /** Granted at once unless it is unset. */
  writer: MessageWriter<unknown> | undefined;
  onEnd: () => void = () => {};

  onHead(head: ResponseHead | RequestHead, end: boolean): void {
    const first = "status" in head ? head.status : head.method;
    this.events.push(`head ${first} ${formatHeaders(head.headers)}`);
    if (end) this.#end();
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.body += Buffer.from(chunk).toString("latin1");
    this.writer?.grant(chunk.length);
    if (end) this.#end();
  }

  onTrailers(headers: HeaderList): void {
    this.trailers = headers;
    this.events.push(`trailers ${formatHeaders(headers)}`);
    this.#end();
  }

  onReset(reset: Reset): void {
    this.reset = reset;
    this.events.push(`reset ${reset.code}`);
  }

  onCredit(bytes: number): void {
    this.credit += bytes;
  }

  #end(): void {
    this.ended = true;
    this.events.push(`end ${JSON.stringify(this.body)}`);
    this.onEnd();
  }
}

/** A request as the acceptor got it. */
export interface Accepted {
  readonly head: RequestHead;
  readonly end: boolean;
  readonly response: MessageWriter<ResponseHead>;
  readonly request: Recorder;
}

/** Keeps every request; `answer` is called when a request is complete, or when its head came if it may switch. */
export class RecordingAcceptor implements RequestAcceptor {
  readonly accepted: Accepted[] = [];
  readonly #answer: (accepted: Accepted) => void;

  constructor(answer: (accepted: Accepted) => void = () => {}) {
    this.#answer = answer;
  }

  onRequest(head: RequestHead, end: boolean, response: MessageWriter<ResponseHead>): Recorder {
    const request = new Recorder();
    request.writer = response;
    const accepted = { head, end, response, request };
    this.accepted.push(accepted);
    const switches = head.protocol !== "" || head.method === "CONNECT";
    if (end || switches) this.#answer(accepted);
    else request.onEnd = () => this.#answer(accepted);
    return request;
  }

  /** The newest request. */
  get last(): Accepted {
    const last = this.accepted.at(-1);
    if (last === undefined) throw new Error("no request came");
    return last;
  }
}

/** Answers 200 with a body that says what was understood. */
export function describe(accepted: Accepted): void {
  const { head, request, response } = accepted;
  const text = `${formatRequest(head)} ${JSON.stringify(request.body)}`;
  response.head({ status: 200, headers: ["content-length", String(text.length)] }, false);
  response.data(Buffer.from(text, "latin1"), true);
}

export function formatRequest(head: RequestHead): string {
  const parts = [head.method, `${head.scheme}:`, head.authority, head.path, head.protocol];
  return `${parts.join(" ")} ${head.version} ${formatHeaders(head.headers)}`;
}

export function formatHeaders(headers: HeaderList): string {
  const lines: string[] = [];
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}=${headers[at + 1]}`);
  return `[${lines.join("; ")}]`;
}
