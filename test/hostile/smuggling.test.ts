/** The requests that an application sees are those that a strict reading of the client's bytes gives. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { connect, type Server } from "node:net";
import { after, before, test } from "node:test";
import { detect } from "../../src/protocol/detect.ts";
import { type NaiveReading, readNaively } from "../../src/protocol/http1/testing/naive.ts";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "../proxy/mesh-pair.ts";
import { createRandom, makeStream } from "./requests.ts";
import { createStrictBackend, type Seen } from "./strict-backend.ts";

const seed = Number(process.env["SEED"] ?? "1");
const cases = Number(process.env["CASES"] ?? "10000");
/** A case takes milliseconds; one that takes so long hangs. */
const hangMillis = 3_000;

/** node:http knows a fixed list of methods, and calls a connection that was cut within a request an error. */
const theirs: ReadonlySet<string> = new Set(["HPE_INVALID_EOF_STATE", "HPE_INVALID_METHOD"]);

const authority = createTestAuthority();
let client: TestPod;
let server: TestPod;
const backends: Server[] = [];

before(async () => {
  client = await startTestPod({ ip: "127.0.1.2", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.1.3", serviceAccount: "server", authority });
});

after(async () => {
  for (const backend of backends) backend.close();
  await client.stop();
  await server.stop();
});

let vipPort = 80;

async function serve(backend: Server): Promise<void> {
  backend.listen(0, server.ip);
  await once(backend, "listening");
  backends.push(backend);
  const { port } = backend.address() as { port: number };
  vipPort += 1;
  const ip = "10.96.1.1";
  client.destinations.set(`${ip}:${vipPort}`, serviceOf([meshEndpoint(server, port)], "http1"));
  client.origDst = { ip, port: vipPort };
}

/** Sends the bytes and FIN, and gives all that came back until the connection was closed. */
async function converse(text: string): Promise<string> {
  const socket = connect({ host: client.ip, port: 15_001, allowHalfOpen: true });
  let heard = "";
  socket.on("error", () => {});
  socket.on("data", (chunk) => void (heard += chunk.toString("latin1")));
  const closed = new Promise<boolean>((resolve) => {
    socket.on("close", () => resolve(true));
    socket.on("end", () => resolve(true));
    socket.setTimeout(hangMillis, () => resolve(false));
  });
  socket.end(Buffer.from(text, "latin1"));
  assert.ok(await closed, `hangs: ${JSON.stringify(text)}`);
  socket.destroy();
  return heard;
}

/** The same four facts of a request that the naive reading gives as one line. */
function parseNaive(line: string): Seen {
  const [method = "", , host = "", path = ""] = line.split(" ");
  const body = / ("(?:[^"\\]|\\.)*") [^"]*$/.exec(line)?.[1] ?? '""';
  return { method, authority: host, path, body: JSON.parse(body) as string };
}

/** `all`: the application accepts whatever is valid. `some`: it may refuse, but never see anything else. */
type Rule = "all" | "some";

function compare(
  text: string,
  reading: NaiveReading,
  seen: readonly Seen[],
  heard: string,
  rule: Rule,
): void {
  const expected = reading.requests.map(parseNaive);
  const label = `${JSON.stringify(text)}\n${reading.verdict}\nheard ${JSON.stringify(heard)}`;
  if (rule === "some") {
    let from = 0;
    for (const each of seen) {
      const found = expected.findIndex((one, at) => at >= from && isSame(one, each));
      if (reading.verdict !== "tunnel") assert.ok(found >= 0, `${JSON.stringify(seen)}\n${label}`);
      from = found + 1;
    }
    return;
  }
  const actual = seen.map((each, at) =>
    expected[at]?.authority === "" ? { ...each, authority: "" } : each,
  );
  if (reading.verdict === "tunnel") {
    assert.deepEqual(actual.slice(0, expected.length), expected, label);
    return;
  }
  assert.deepEqual(actual, expected, label);
  if (reading.verdict !== "bad") return;
  assert.match(heard, /HTTP\/1\.1 [45]\d\d /, label);
}

function isSame(expected: Seen, seen: Seen): boolean {
  const { method, path, body } = expected;
  const isThere = expected.authority === "" || expected.authority === seen.authority;
  return isThere && method === seen.method && path === seen.path && body === seen.body;
}

async function runCases(seen: Seen[], rule: Rule, check: () => void): Promise<Map<string, number>> {
  const random = createRandom(seed);
  const verdicts = new Map<string, number>();
  for (let at = 0; at < cases; at += 1) {
    const text = makeStream(random);
    // Bytes that are not taken for HTTP/1 pass untouched on a connection of their own: there is nothing to desync.
    if (detect(Buffer.from(text, "latin1")) !== "http1") continue;
    const reading = readNaively(text);
    seen.length = 0;
    const heard = await converse(text);
    compare(text, reading, seen, heard, rule);
    check();
    verdicts.set(reading.verdict, (verdicts.get(reading.verdict) ?? 0) + 1);
  }
  return verdicts;
}

test(`a strict application sees what a strict reading gives (SEED=${seed})`, async () => {
  const backend = createStrictBackend();
  await serve(backend.server);
  const verdicts = await runCases(backend.seen, "all", () => assert.deepEqual(backend.faults, []));
  for (const verdict of ["bad", "incomplete"]) {
    assert.ok((verdicts.get(verdict) ?? 0) > cases / 100, `${verdict} was hardly tried`);
  }
});

test(`node:http sees what a strict reading gives (SEED=${seed})`, async () => {
  const seen: Seen[] = [];
  const backend = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => void (body += chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, authority: headers.host ?? "", path: url, body });
      response.end();
    });
  });
  const refused: string[] = [];
  backend.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A cut connection is how the sidecar ends a request that turned out bad; a parse error would be its fault.
    if (error.code?.startsWith("HPE_") === true && !theirs.has(error.code)) {
      refused.push(error.code);
    }
    socket.destroy();
  });
  await serve(backend);
  await runCases(seen, "some", () => assert.deepEqual(refused, []));
});
