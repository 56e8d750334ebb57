/** Sends a client's bytes through two sidecars and holds what the application saw against a strict reading of them. */
import assert from "node:assert/strict";
import { connect } from "node:net";
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
import type { Seen } from "./strict-backend.ts";

export const seed: number = Number(process.env["SEED"] ?? "1");
export const cases: number = Number(process.env["CASES"] ?? "10000");

/** A case takes milliseconds; one that takes so long hangs. */
const hangMillis = 10_000;

/** Two pods; the client's connections go to whatever application `aim` named last. */
export interface Pair {
  readonly client: TestPod;
  readonly server: TestPod;
  /** `port` is the application's, on the server pod's address. */
  aim(port: number): void;
  /** Sends the bytes and FIN, and gives all that came back until the connection was closed. */
  converse(text: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startPair(clientIp: string, serverIp: string): Promise<Pair> {
  const authority = createTestAuthority();
  const client = await startTestPod({ ip: clientIp, serviceAccount: "client", authority });
  const server = await startTestPod({ ip: serverIp, serviceAccount: "server", authority });
  const ip = "10.96.1.1";
  let port = 80;
  return {
    client,
    server,
    aim(appPort) {
      // A new address each time: nothing that was learned of another application may count.
      port += 1;
      const endpoint = meshEndpoint(server, appPort);
      client.destinations.set(`${ip}:${port}`, serviceOf([endpoint], "http1"));
      client.origDst = { ip, port };
    },
    converse: (text) => converse(client.ip, text),
    async stop() {
      await client.stop();
      await server.stop();
    },
  };
}

async function converse(host: string, text: string): Promise<string> {
  const socket = connect({ host, port: 15_001, allowHalfOpen: true });
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

/** `all`: the application accepts whatever is valid. `some`: it may refuse, but never see anything else. */
export type Rule = "all" | "some";

export interface Application {
  readonly rule: Rule;
  /** The whole requests since the last call, in order. */
  seen(): Promise<readonly Seen[]> | readonly Seen[];
  /** Throws when the sidecar wrote something that it must not. */
  check?(): void;
}

export interface Tally {
  /** How often the strict reading came to each verdict. */
  readonly verdicts: Map<string, number>;
  /** Requests of the strict readings, and how many of them the application saw. */
  expected: number;
  seen: number;
}

/** Runs all cases of the seed against the application that the pair is aimed at. */
export async function runCases(pair: Pair, application: Application): Promise<Tally> {
  const random = createRandom(seed);
  const tally: Tally = { verdicts: new Map(), expected: 0, seen: 0 };
  for (let at = 0; at < cases; at += 1) {
    const text = makeStream(random);
    // Bytes that are not taken for HTTP/1 pass untouched on a connection of their own: there is nothing to desync.
    if (detect(Buffer.from(text, "latin1")) !== "http1") continue;
    const reading = readNaively(text);
    const heard = await pair.converse(text);
    const seen = await application.seen();
    compare(text, reading, seen, heard, application.rule);
    application.check?.();
    tally.verdicts.set(reading.verdict, (tally.verdicts.get(reading.verdict) ?? 0) + 1);
    tally.expected += reading.requests.length;
    tally.seen += seen.length;
  }
  return tally;
}

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

/** The same four facts of a request that the naive reading gives as one line. */
function parseNaive(line: string): Seen {
  const [method = "", , host = "", path = ""] = line.split(" ");
  const body = / ("(?:[^"\\]|\\.)*") [^"]*$/.exec(line)?.[1] ?? '""';
  return { method, authority: host, path, body: JSON.parse(body) as string };
}

function isSame(expected: Seen, seen: Seen): boolean {
  const { method, path, body } = expected;
  const isThere = expected.authority === "" || expected.authority === seen.authority;
  return isThere && method === seen.method && path === seen.path && body === seen.body;
}
