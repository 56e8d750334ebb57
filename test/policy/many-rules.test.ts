/** Ten thousand rules fit into a sidecar: its heap is 48 MB, and load is shed above three quarters of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import type { PolicySnapshot } from "../../src/api/authorization.ts";
import { AuthorizationSchema } from "../../src/api/gen/authorization_pb.ts";
import { openWorkloadPolicy } from "../../src/api/mesh-policy.ts";
import type { AuthorizationRule } from "../../src/api/policy-kinds.ts";
import { decodeAuthorization } from "../../src/api/wire/authorization.ts";
import { encodePolicy } from "../../src/control/model/policy.ts";
import { openCollector } from "../../src/core/collector.ts";
import { parseSpiffeId } from "../../src/core/spiffe-id.ts";
import { type Gate, openGate } from "../../src/proxy/policy/authorize.ts";

const policyCount = 157;
const rulesPerPolicy = 64;
const clients = 32;
const bytesPerRule = 1_024;

const collect = await openCollector();

const shapes: Readonly<Record<string, (at: number) => AuthorizationRule>> = {
  "with one client each": (at) => ({
    from: { serviceAccounts: [`other-${at}`] },
    to: { methods: ["GET", "POST"], paths: ["/100", "/10k"] },
  }),
  "with one path each": (at) => ({ to: { methods: ["GET"], paths: [`/tenant-${at}/*`] } }),
  "with a client and a path each": (at) => ({
    from: { serviceAccounts: [`other-${at}`] },
    to: { methods: ["GET"], paths: [`/tenant-${at}/*`] },
  }),
};

for (const [shape, rule] of Object.entries(shapes)) {
  test(`10,000 rules ${shape} cost less than a kilobyte each, however many clients come`, () => {
    const messages = Array.from({ length: policyCount }, (_, at) => encode(at, rule));
    collect();
    const before = process.memoryUsage().heapUsed;
    const policies = messages.map((message) => decodeAuthorization(message));
    const snapshot: PolicySnapshot = {
      loaded: true,
      policies,
      missing: [],
      mesh: openWorkloadPolicy,
    };
    const gates = Array.from({ length: clients }, (_, at) => open(snapshot, `other-${at * 100}`));
    const decisions = gates.map((gate, at) => judge(gate, at * 100));
    collect();
    const bytes = process.memoryUsage().heapUsed - before;
    assert.deepEqual(new Set(decisions), new Set(["permit"]));
    assert.equal(judge(open(snapshot, "nobody"), policyCount * rulesPerPolicy), "denied");
    const kept = bytes / (policyCount * rulesPerPolicy);
    assert.ok(kept < bytesPerRule, `${kept.toFixed(0)} bytes each`);
  });
}

function encode(policy: number, rule: (at: number) => AuthorizationRule): Uint8Array {
  const rules = Array.from({ length: rulesPerPolicy }, (_, at) =>
    rule(policy * rulesPerPolicy + at),
  );
  const object = {
    apiVersion: "policy.remora.dev/v1alpha1",
    kind: "AuthorizationPolicy",
    metadata: { name: `p${policy}`, namespace: "shop" },
    spec: { action: "Allow", rules },
  } as const;
  return toBinary(AuthorizationSchema, encodePolicy(object, "remora-system"));
}

function open(snapshot: PolicySnapshot, account: string): Gate {
  const peer = parseSpiffeId(`spiffe://cluster.local/ns/shop/sa/${account}`);
  return openGate(snapshot, {
    peer,
    clientIp: "10.0.0.5",
    destinationIp: "10.0.0.9",
    port: 8080,
  });
}

/** Of a request that a rule of this number allows, whatever its shape. */
function judge(gate: Gate, at: number): string {
  const requests = ["/100", `/tenant-${at}/items`].map((path) => ({
    method: "GET",
    scheme: "http",
    authority: "catalog",
    path,
    protocol: "",
    headers: [],
    version: 11,
  }));
  const decisions = requests.map((head) => gate.requests ?? gate.judge(head));
  return decisions.find(({ kind }) => kind === "permit")?.kind ?? "denied";
}
