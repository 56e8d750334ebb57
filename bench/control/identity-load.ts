/** Asks identity for certificates as fast as it gives them, with tokens of many pods. Forked by the bench. */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { WireWriter } from "../../src/api/wire/writer.ts";
import { createCertificatePath } from "../../src/credentials/ca-client.ts";
import { connectIdentity, csrOf, type IdentityPlace } from "./certificate.ts";

export interface IdentityLoadSettings extends IdentityPlace {
  /** A JSON array of tokens. */
  readonly tokensFile: string;
  readonly seconds: number;
  /** Requests that are under way at once, over as many connections as a tenth of them. */
  readonly concurrency: number;
}

export interface IdentityLoadReport {
  readonly certificates: number;
  readonly failures: number;
  readonly seconds: number;
  /** The warm-up included. */
  readonly total: number;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as IdentityLoadSettings;
const tokens = JSON.parse(readFileSync(settings.tokensFile, "utf8")) as readonly string[];
const requests = Array.from({ length: 32 }, () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new WireWriter().string(1, csrOf(privateKey)).take();
});
const peers = Array.from({ length: Math.ceil(settings.concurrency / 10) }, () =>
  connectIdentity(settings),
);
let certificates = 0;
let failures = 0;
let asked = 0;

async function ask(until: number): Promise<void> {
  while (performance.now() < until) {
    const index = asked++;
    const token = tokens[index % tokens.length] ?? "";
    const call = { path: createCertificatePath, metadata: { authorization: `Bearer ${token}` } };
    const request = requests[index % requests.length] as Uint8Array;
    try {
      await peers[index % peers.length]?.grpc.unary(call, request);
      certificates += 1;
    } catch {
      failures += 1;
    }
  }
}

async function load(seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  await Promise.all(Array.from({ length: settings.concurrency }, () => ask(until)));
}

await load(3);
const warmUp = certificates;
[certificates, failures] = [0, 0];
const began = performance.now();
await load(settings.seconds);
const seconds = (performance.now() - began) / 1_000;
process.send?.({
  certificates,
  failures,
  seconds,
  total: warmUp + certificates,
} satisfies IdentityLoadReport);
for (const peer of peers) peer.close();
process.disconnect?.();
