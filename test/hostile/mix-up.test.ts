/**
 * Tagged requests while everything breaks: applications reset and cut, clients leave and read slowly, connections
 * between the sidecars and to the application are cut at once. `REQUESTS=1000000` runs a million; `SEED` replays.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "../proxy/mesh-pair.ts";
import { type Application, startApplication } from "./mix-up/application.ts";
import {
  type ClientOptions,
  type Outcome,
  runHttp1Client,
  runHttp2Client,
} from "./mix-up/clients.ts";
import { startWiretap, type Wiretap } from "./mix-up/wiretap.ts";
import { createRandom } from "./requests.ts";

const requests = Number(process.env["REQUESTS"] ?? "60000");
const seed = Number(process.env["SEED"] ?? "1");
/** A million is minutes of work, and more where others work as well. */
const timeout = 600_000 + 2 * requests;
const clientsPerPod = 8;
/** A cut of all connections costs tens of requests, so this leaves most of them whole. */
const requestsPerCut = 2_000;

/** A part of every tag and thus of every head and body; long enough that ciphertext never holds it by chance. */
const accounts = ["mix-up-alice", "mix-up-bob"] as const;
const clearTexts = ["mix-up-", "HTTP/1.1", "remora-dst"];

const authority = createTestAuthority();
const tapIp = "127.0.1.73";
const pods: TestPod[] = [];
let server: TestPod;
let tap: Wiretap;

before(async () => {
  server = await startTestPod({ ip: "127.0.1.70", serviceAccount: "server", authority });
  pods.push(server);
  for (const [at, serviceAccount] of accounts.entries()) {
    pods.push(await startTestPod({ ip: `127.0.1.${71 + at}`, serviceAccount, authority }));
  }
  tap = await startWiretap(tapIp, server.ip, clearTexts);
});

after(async () => {
  tap.close();
  for (const pod of pods.toReversed()) await pod.stop();
});

const protocols = { http1: runHttp1Client, http2: runHttp2Client } as const;

for (const [name, runClient] of Object.entries(protocols)) {
  const protocol = name as keyof typeof protocols;
  test(`no answer of ${requests / 2} over ${protocol} is another's, and none that was cut looks whole (SEED=${seed})`, {
    timeout,
  }, async (context) => {
    const application = await startApplication(server.ip, protocol);
    const outcome = await runAll(application, protocol, runClient);
    application.close();
    context.diagnostic(
      JSON.stringify({ ...outcome, served: application.served, onWire: tap.bytes }),
    );
    assert.deepEqual([outcome.wrongs, application.wrongs, tap.found], [[], [], []]);
    const { whole, refused, broken } = outcome;
    assert.equal(whole + refused + broken, requests / 2);
    // The faults are real, and yet most requests are answered.
    assert.ok(whole > requests / 4, `${whole} whole answers`);
    assert.ok(refused > 0 && broken > requests / 200, `${refused} refused, ${broken} broken`);
  });
}

async function runAll(
  application: Application,
  protocol: keyof typeof protocols,
  runClient: (options: ClientOptions) => Promise<void>,
): Promise<Outcome> {
  const outcome: Outcome = { whole: 0, refused: 0, broken: 0, wrongs: [] };
  let left = requests / 2;
  const take = (): boolean => {
    if (left <= 0) return false;
    left -= 1;
    if (left % requestsPerCut === 0) tap.cut();
    if (left % requestsPerCut === requestsPerCut / 2) application.crash();
    return true;
  };
  const work: Promise<void>[] = [];
  for (const pod of pods.slice(1)) {
    const endpoint = { ...meshEndpoint(server, application.port), ip: tapIp };
    const key = { ip: "10.96.2.1", port: application.port };
    pod.destinations.set(`${key.ip}:${key.port}`, serviceOf([endpoint], protocol));
    pod.origDst = key;
    const account = pod === pods[1] ? accounts[0] : accounts[1];
    for (let count = 0; count < clientsPerPod; count += 1) {
      const random = createRandom(seed * 1_000 + work.length);
      work.push(runClient({ host: pod.ip, account, random, outcome, take }));
    }
  }
  await Promise.all(work);
  return outcome;
}
