/** Clients that know what each answer must be: pipelined HTTP/1, and HTTP/2 with many streams, both with bad manners. */
import { once } from "node:events";
import http2 from "node:http2";
import { connect, type Socket } from "node:net";
import { bodyOf, drawTagged, pathOf, type Tagged } from "./tagged.ts";

export interface Outcome {
  /** Whole answers, each to its own request. */
  whole: number;
  /** Answers of the sidecars themselves: 5xx with Proxy-Status. */
  refused: number;
  /** Cut, reset or never begun, and visibly so. */
  broken: number;
  /** What must never be. */
  readonly wrongs: string[];
}

export interface ClientOptions {
  readonly host: string;
  readonly account: string;
  readonly random: (below: number) => number;
  readonly outcome: Outcome;
  /** True while there are requests to send; each call takes one. */
  readonly take: () => boolean;
}

let serial = 0;

interface Sent extends Tagged {
  /** Of the request's body; -1 for none. */
  readonly upload: number;
}

function draw({ account, random }: ClientOptions): Sent {
  serial += 1;
  const uploads = [-1, -1, -1, 0, 10, 700, random(50) === 0 ? 200_000 : 3];
  const upload = uploads[random(uploads.length)] ?? -1;
  return { ...drawTagged(`${account}.${serial}`, random), upload };
}

/** Sends pipelines on one connection after the other until there is nothing left to send. */
export async function runHttp1Client(options: ClientOptions): Promise<void> {
  const { host, random, outcome, take } = options;
  for (;;) {
    const sent: Sent[] = [];
    for (let depth = 1 + random(8); depth > 0 && take(); depth -= 1) sent.push(draw(options));
    if (sent.length === 0) return;
    const socket = connect({ host, port: 15_001 });
    const manners = random(50);
    const text = sent.map(http1Text).join("");
    const heard = manners === 0 ? converseRudely(socket, text, random) : converse(socket, text);
    judge(await heard, sent, outcome);
  }
}

function http1Text({ upload, ...tagged }: Sent, at: number, all: readonly Sent[]): string {
  const last = at === all.length - 1 ? "connection: close\r\n" : "";
  const size = Math.max(0, upload);
  const line = `${upload < 0 ? "GET" : "POST"} ${pathOf(tagged)} HTTP/1.1\r\nhost: mix.test\r\n`;
  const head = `${line}x-tag: ${tagged.tag}\r\nx-size: ${size}\r\n${last}`;
  if (upload < 0) return `${head}\r\n`;
  const body = bodyOf(tagged.tag, size);
  if (at % 2 === 0) return `${head}content-length: ${size}\r\n\r\n${body}`;
  const chunk = size === 0 ? "" : `${size.toString(16)}\r\n${body}\r\n`;
  return `${head}transfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`;
}

async function converse(socket: Socket, text: string): Promise<string> {
  let heard = "";
  socket.setEncoding("latin1");
  socket.on("error", () => {});
  socket.on("data", (piece: string) => void (heard += piece));
  socket.write(text, "latin1");
  await new Promise((resolve) => socket.once("close", resolve));
  return heard;
}

/** Leaves after a part of the request or of the answer. */
async function converseRudely(
  socket: Socket,
  text: string,
  random: (below: number) => number,
): Promise<string> {
  if (random(2) === 0) {
    const heard = converse(socket, text);
    socket.once("data", () => socket.destroy());
    return await heard;
  }
  const heard = converse(socket, text.slice(0, random(text.length)));
  setImmediate(() => (random(2) === 0 ? socket.resetAndDestroy() : socket.end()));
  return await heard;
}

interface Heard {
  readonly status: number;
  readonly tag: string | undefined;
  readonly body: string;
  readonly bySidecar: boolean;
}

/** The n-th whole answer belongs to the n-th request, or is the sidecar's own. */
function judge(text: string, sent: readonly Sent[], outcome: Outcome): void {
  let rest = text;
  for (const each of sent) {
    const read = readAnswer(rest);
    if (read === undefined) {
      outcome.broken += 1;
      rest = "";
      continue;
    }
    rest = read.rest;
    judgeOne(read.heard, each, outcome);
  }
  if (rest !== "") outcome.wrongs.push(`bytes behind the last answer: ${rest.slice(0, 200)}`);
}

function judgeOne(heard: Heard, sent: Tagged, outcome: Outcome): void {
  if (heard.bySidecar && heard.status >= 500 && heard.tag === undefined) outcome.refused += 1;
  else if (heard.tag !== sent.tag) outcome.wrongs.push(`${sent.tag} was given ${heard.tag}'s`);
  else if (heard.body === bodyOf(sent.tag, sent.size)) outcome.whole += 1;
  else outcome.wrongs.push(`${sent.tag}: ${heard.body.length} of ${sent.size} bytes looked whole`);
}

/** Undefined when the answer is not whole. */
function readAnswer(text: string): { heard: Heard; rest: string } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end).toLowerCase();
  const status = Number(head.slice(9, 12));
  const tag = /\r\nx-tag: (\S+)/.exec(head)?.[1];
  const bySidecar = head.includes("\r\nproxy-status: ");
  const from = end + 4;
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) {
    const to = from + Number(length);
    if (text.length < to) return undefined;
    return { heard: { status, tag, bySidecar, body: text.slice(from, to) }, rest: text.slice(to) };
  }
  if (!head.includes("\r\ntransfer-encoding: chunked")) return undefined;
  let body = "";
  for (let at = from; ; ) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    const next = line + 2 + size + 2;
    if (text.length < next) return undefined;
    body += text.slice(line + 2, line + 2 + size);
    at = next;
    if (size === 0) return { heard: { status, tag, bySidecar, body }, rest: text.slice(at) };
  }
}

/** Keeps a few streams open on one connection after the other until there is nothing left to send. */
export async function runHttp2Client(options: ClientOptions): Promise<void> {
  const streamsAtOnce = 8;
  for (let left = true; left; ) {
    const session = http2.connect(`http://${options.host}:15001`);
    session.on("error", () => {});
    const work = Array.from({ length: streamsAtOnce }, async () => {
      for (let count = 0; count < 250; count += 1) {
        if (session.closed || session.destroyed) return true;
        if (!options.take()) return false;
        await runStream(session, options);
      }
      return true;
    });
    left = (await Promise.all(work)).every(Boolean);
    session.close();
    if (!session.destroyed) await once(session, "close");
  }
}

async function runStream(session: http2.ClientHttp2Session, options: ClientOptions): Promise<void> {
  const { random, outcome } = options;
  const sent = draw(options);
  const size = Math.max(0, sent.upload);
  const stream = openStream(session, sent, size);
  if (stream === undefined) {
    outcome.broken += 1;
    return;
  }
  let body = "";
  let head: http2.IncomingHttpHeaders = {};
  let ended = false;
  stream.setEncoding("latin1");
  stream.on("error", () => {});
  stream.on("response", (headers) => {
    head = headers;
    if (random(60) === 0) cancel(stream);
    if (random(60) === 0) readSlowly(stream);
  });
  stream.on("data", (piece: string) => void (body += piece));
  stream.on("end", () => (ended = true));
  if (random(60) === 0) cancel(stream);
  else if (sent.upload >= 0) stream.end(bodyOf(sent.tag, size), "latin1");
  await new Promise((resolve) => stream.once("close", resolve));
  if (!ended || stream.aborted || stream.rstCode !== 0 || head[":status"] === undefined) {
    outcome.broken += 1;
    return;
  }
  const tag = head["x-tag"] === undefined ? undefined : String(head["x-tag"]);
  const bySidecar = head["proxy-status"] !== undefined;
  judgeOne({ status: Number(head[":status"]), tag, body, bySidecar }, sent, outcome);
}

function openStream(
  session: http2.ClientHttp2Session,
  { upload, ...tagged }: Sent,
  size: number,
): http2.ClientHttp2Stream | undefined {
  const method = upload < 0 ? "GET" : "POST";
  const headers = { ":path": pathOf(tagged), ":method": method, "x-tag": tagged.tag };
  try {
    return session.request({ ...headers, "x-size": size }, { endStream: upload < 0 });
  } catch {
    // The session has just gone.
    return undefined;
  }
}

/** `close` would end the request's body properly before its RST_STREAM. */
function cancel(stream: http2.ClientHttp2Stream): void {
  stream.destroy(new Error("cancelled on purpose"));
}

function readSlowly(stream: http2.ClientHttp2Stream): void {
  stream.pause();
  setTimeout(() => stream.resume(), 30);
}
