import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sample } from "../../../src/cli/traffic/metrics-text.ts";
import { type Evidence, judge, type PortTraffic } from "./verdict.ts";

const identities = Object.fromEntries(
  ["shopper", "web", "catalog", "cart", "ledger"].map((app) => [
    app,
    `spiffe://cluster.local/ns/shop/sa/${app}`,
  ]),
);
const good: Evidence = {
  rounds: 200,
  visits: [
    {
      kind: "http2",
      sent: 200,
      failed: 0,
      problems: [],
      callers: {
        [`web=${identities["shopper"]}`]: 200,
        [`catalog=${identities["web"]}`]: 200,
      },
    },
  ],
  trespass: "refused",
  identities,
  metrics: {
    web: [sample("remora_requests_total", identities["shopper"], "", 400)],
    ledger: [
      sample("remora_tcp_connections_total", identities["cart"], "", 1_400),
      sample("remora_tcp_connections_total", identities["shopper"], "policy_denied", 1),
    ],
  },
  wire: {
    kind: "captured",
    dropped: 0,
    ports: [traffic(15008, true), traffic(15020, false)],
  },
};

test("a check without a flaw holds in every finding", () => {
  const findings = judge(good);
  assert.deepEqual(
    findings.filter((finding) => !finding.holds),
    [],
  );
  assert.equal(findings.length, 5);
});

test("a failed visit, a missing one and a wrong body are failures that tell why", () => {
  const visits = [{ ...first(), failed: 1, problems: ["the echo's body is false, not true"] }];
  assert.match(onlyFailure({ ...good, visits }), /199 of 200 .*the echo's body/);
  assert.match(onlyFailure({ ...good, visits: [{ ...first(), sent: 199 }] }, 2), /199 of 200/);
});

test("a caller other than the one who called is a failure", () => {
  const callers = { "web=": 200, [`catalog=${identities["web"]}`]: 200 };
  assert.match(onlyFailure({ ...good, visits: [{ ...first(), callers }] }), /wrong callers/);
  assert.match(onlyFailure({ ...good, visits: [{ ...first(), callers: {} }] }), /no server told/);
});

test("TCP needs as many good connections from the cart as there were rounds", () => {
  const few = [
    sample("remora_tcp_connections_total", identities["cart"], "", 199),
    sample("remora_tcp_connections_total", identities["shopper"], "policy_denied", 1),
  ];
  assert.match(onlyFailure(withLedger(few)), /tcp: 199 connections/);
});

test("a customer whom the ledger serves is a failure", () => {
  assert.match(onlyFailure({ ...good, trespass: "served" }), /is served/);
});

test("a request without an identity is a failure that names the pod", () => {
  const metrics = { ...good.metrics, cart: [sample("remora_requests_total", "unknown", "", 3)] };
  assert.match(onlyFailure({ ...good, metrics }), /without an identity: cart \(3\)/);
});

test("plaintext on any port but that of probes and metrics is a failure", () => {
  const ports = [traffic(15008, true), traffic(8080, false)];
  const wire = { kind: "captured", dropped: 0, ports } as const;
  assert.match(onlyFailure({ ...good, wire }), /plaintext between pods: port 8080 "GET \/"/);
});

test("a capture that saw nothing proves nothing", () => {
  const wire = { kind: "captured", dropped: 0, ports: [] } as const;
  assert.match(onlyFailure({ ...good, wire }), /0 bytes/);
});

test("where captures are not allowed the counters stand for them", () => {
  const wire = { kind: "not-captured", reason: "no CAP_NET_RAW" } as const;
  const text = judge({ ...good, wire }).at(-1);
  assert.equal(text?.holds, true);
  assert.match(text?.text ?? "", /no CAP_NET_RAW/);
});

function first() {
  const [visits] = good.visits;
  assert.ok(visits);
  return visits;
}

function withLedger(ledger: Sample[]): Evidence {
  return { ...good, metrics: { ...good.metrics, ledger } };
}

function onlyFailure(evidence: Evidence, count = 1): string {
  const failures = judge(evidence).filter((finding) => !finding.holds);
  assert.equal(failures.length, count, JSON.stringify(failures));
  return failures[0]?.text ?? "";
}

function sample(name: string, peer = "", error = "", value = 1): Sample {
  return { name, labels: { direction: "inbound", peer, error }, value };
}

function traffic(port: number, tls: boolean): PortTraffic {
  return { port, connections: 1, payloadBytes: 1_000, tls, sample: tls ? undefined : "GET /" };
}
