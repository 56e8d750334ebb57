/** What fails before there is an exchange is counted and told too, by the same code. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import tls from "node:tls";
import type { FailureReport } from "../../src/api/sidecar-pages.ts";
import type { ErrorCode } from "../../src/core/mesh-error.ts";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  startTestPod,
  type TestPod,
  trustDomain,
} from "./mesh-pair.ts";

const authority = createTestAuthority();
let pod: TestPod;

before(async () => {
  pod = await startTestPod({ ip: "127.0.1.84", serviceAccount: "server", authority });
});

after(() => pod.stop());

/** What `act` made fail, with how often; each of it was counted as often as it is told. */
async function failuresOf(act: () => Promise<void>): Promise<readonly FailureReport[]> {
  const told = () => new Map(pod.failures.list().map((one) => [kindOf(one), one.count]));
  const counted = (error: string) => pod.families.errors.series(error).value;
  const before = told();
  const codes = ["loop_detected", "handshake_failed", "certificate_rejected"] as const;
  const countedBefore = new Map<string, number>(codes.map((code) => [code, counted(code)]));
  await act();
  const found = pod.failures
    .list()
    .map((one) => ({ ...one, count: one.count - (before.get(kindOf(one)) ?? 0) }))
    .filter(({ count }) => count > 0);
  for (const code of codes) {
    const times = found.filter(({ error }) => error === code).map(({ count }) => count);
    const sum = times.reduce((all, one) => all + one, 0);
    assert.equal(counted(code) - (countedBefore.get(code) ?? 0), sum, code);
  }
  return found;
}

function kindOf({ direction, error, detail }: FailureReport): string {
  return `${direction} ${error} ${detail}`;
}

/** Says `bytes`, and waits until it was ended. */
async function dial(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: pod.ip, port });
  let ended = "end";
  socket.on("error", (error: NodeJS.ErrnoException) => void (ended = error.code ?? ""));
  socket.resume();
  if (bytes !== "") socket.write(bytes, "latin1");
  await new Promise((resolve) => socket.once("close", resolve));
  return ended;
}

for (const { direction, listener, own } of [
  { direction: "outbound", listener: 15_001, own: 15_006 },
  { direction: "inbound", listener: 15_006, own: 15_001 },
] as const) {
  test(`a loop through the ${direction} listener is reset, counted and told`, async () => {
    const target = { ip: pod.ip, port: own };
    if (direction === "outbound") pod.origDst = target;
    else pod.inboundDst = target;
    const [only, ...others] = await failuresOf(async () => {
      assert.equal(await dial(listener, ""), "ECONNRESET");
      assert.equal(await dial(listener, ""), "ECONNRESET");
    });
    assert.deepEqual(others, []);
    assert.equal(
      kindOf(only as FailureReport),
      `${direction} loop_detected port ${own} is the sidecar's own`,
    );
    assert.equal(only?.count, 2);
    assert.match(only.client, /^127\.\d+\.\d+\.\d+:\d+$/);
  });
}

const id = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "client" });
const leafOf = (from = authority, lifetime?: number): tls.ConnectionOptions => {
  const { key, cert } = issueTestLeaf(from, id, lifetime);
  return { key, cert };
};

const handshakes: readonly {
  readonly who: string;
  readonly options: tls.ConnectionOptions;
  readonly error: ErrorCode;
  readonly reason: string;
}[] = [
  {
    who: "has no certificate",
    options: {},
    error: "certificate_rejected",
    reason: "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
  },
  {
    who: "has a leaf of another authority",
    options: leafOf(createTestAuthority()),
    error: "certificate_rejected",
    reason: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  },
  {
    who: "has an expired leaf",
    options: leafOf(authority, -60_000),
    error: "certificate_rejected",
    reason: "CERT_HAS_EXPIRED",
  },
  {
    who: "speaks TLS 1.2",
    options: { ...leafOf(), maxVersion: "TLSv1.2" },
    error: "handshake_failed",
    reason: "ERR_SSL_UNSUPPORTED_PROTOCOL",
  },
];

async function shakeHands(options: tls.ConnectionOptions): Promise<void> {
  const base = { host: pod.ip, port: 15_008, rejectUnauthorized: false, ALPNProtocols: ["h2"] };
  const socket = tls.connect({ ...base, ...options });
  socket.on("error", () => {});
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
}

for (const { who, options, error, reason } of handshakes) {
  test(`the handshake of a peer that ${who} is counted and told, with the reason`, async () => {
    const [only, ...others] = await failuresOf(() => shakeHands(options));
    assert.deepEqual(others, []);
    assert.equal(kindOf(only as FailureReport), `inbound ${error} no TLS session: ${reason}`);
  });
}

test("a flood of handshakes that fail is one kind for each reason, and hides nothing else", async () => {
  pod.origDst = { ip: pod.ip, port: 15_020 };
  await dial(15_001, "");
  const found = await failuresOf(async () => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 10 }, () => dial(15_008, "GET / HTTP/1.1\r\n\r\n")));
      const socket = connect({ host: pod.ip, port: 15_008 });
      await once(socket, "connect");
      socket.destroy();
      await once(socket, "close");
    }
    // The server has seen all hang-ups by the time that it has answered one more.
    await shakeHands({});
  });
  const counts = found.map((one) => [one.detail, one.count] as const);
  assert.deepEqual(Object.fromEntries(counts), {
    "no TLS session: ERR_SSL_HTTP_REQUEST": 200,
    "no TLS session: ECONNRESET": 20,
    "no TLS session: ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE": 1,
  });
  const detail = "port 15020 is the sidecar's own";
  assert.ok(pod.failures.list().some((one) => one.detail === detail));
});
