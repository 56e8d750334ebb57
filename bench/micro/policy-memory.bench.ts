/**
 * What 10,000 rules cost in memory: `node --expose-gc --max-heap-size=48 bench/micro/policy-memory.bench.ts`. The rules
 * come as the control plane sends them, and are decoded, held and compiled as in a sidecar.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { authorizationType } from "../../src/api/discovery.ts";
import { AuthorizationSchema } from "../../src/api/gen/authorization_pb.ts";
import { DeltaDiscoveryResponseSchema } from "../../src/api/gen/discovery_pb.ts";
import type { AuthorizationRule } from "../../src/api/policy-kinds.ts";
import { decodeAuthorization } from "../../src/api/wire/authorization.ts";
import { decodeDeltaResponse } from "../../src/api/wire/discovery.ts";
import type { Workload } from "../../src/api/workload.ts";
import { encodePolicy } from "../../src/control/model/policy.ts";
import { parseSpiffeId } from "../../src/core/spiffe-id.ts";
import { PolicyBook } from "../../src/proxy/discovery/policy-book.ts";
import { openGate } from "../../src/proxy/policy/authorize.ts";

const ruleCount = 10_000;
const rulesPerPolicy = 64;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("start with --expose-gc");

const shapes: Readonly<Record<string, (at: number) => AuthorizationRule>> = {
  "one client each": (at) => ({
    from: { serviceAccounts: [at === ruleCount - 1 ? "web" : `other-${at}`] },
    to: { methods: ["GET", "POST"], paths: ["/100", "/10k"] },
  }),
  "one path each": (at) => ({ to: { methods: ["GET"], paths: [`/tenant-${at}/*`] } }),
  "client and path": (at) => ({
    from: { serviceAccounts: [`shop/other-${at}`] },
    to: { methods: ["GET"], paths: [`/tenant-${at}/*`] },
  }),
  "clients by pattern": (at) => ({ from: { principals: [`*/ns/n${at}/sa/web`] } }),
};

function encode(rule: (at: number) => AuthorizationRule, version: string): Uint8Array {
  const rules = Array.from({ length: ruleCount }, (_, at) => rule(at));
  const resources = Array.from({ length: Math.ceil(ruleCount / rulesPerPolicy) }, (_, at) => {
    const message = encodePolicy(
      {
        apiVersion: "policy.remora.dev/v1alpha1",
        kind: "AuthorizationPolicy",
        metadata: { name: `p${at}`, namespace: "shop" },
        spec: {
          action: "Allow",
          rules: rules.slice(at * rulesPerPolicy, (at + 1) * rulesPerPolicy),
        },
      },
      "remora-system",
    );
    const resource = anyPack(AuthorizationSchema, message);
    return { name: `shop/p${at}`, version, resource };
  });
  return toBinary(
    DeltaDiscoveryResponseSchema,
    create(DeltaDiscoveryResponseSchema, { typeUrl: authorizationType, resources, nonce: "1" }),
  );
}

const own = (policies: number): Workload => ({
  kind: "workload",
  uid: "uid",
  name: "a",
  workloadName: "a",
  namespace: "shop",
  addresses: ["10.0.0.1"],
  hbone: true,
  remora: true,
  trustDomain: "cluster.local",
  serviceAccount: "server",
  hostNetwork: false,
  healthy: true,
  authorizationPolicies: Array.from({ length: policies }, (_, at) => `shop/p${at}`),
  services: new Map(),
});

/** Of one stage: what stays of it, and what the heap grew to before it was collected. */
function stage(what: string, before: number, work: () => void): number {
  const begin = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begin);
  const most = process.memoryUsage().heapUsed;
  collect?.();
  const kept = process.memoryUsage().heapUsed;
  const bytes = (count: number) => `${((count - before) / ruleCount).toFixed(0).padStart(6)} B`;
  process.stdout.write(
    `  ${what.padEnd(44)} keeps ${bytes(kept)} a rule, before gc ${bytes(most)}, ${((user + system) / 1e3).toFixed(0)} ms\n`,
  );
  return kept;
}

const client = (account: string) => ({
  peer: parseSpiffeId(`spiffe://cluster.local/ns/shop/sa/${account}`),
  clientIp: "10.0.0.5",
  destinationIp: "10.0.0.9",
  port: 8080,
});

for (const [shape, rule] of Object.entries(shapes)) {
  process.stdout.write(`${shape}\n`);
  const book = new PolicyBook("shop");
  const take = (message: Uint8Array) => {
    const { resources } = decodeDeltaResponse(message);
    for (const { name, version, body } of resources) {
      book.put(name, version, decodeAuthorization(body));
    }
    book.told();
    book.setOwn(own(resources.length));
    book.publish();
  };
  const open = (account: string) => {
    const gate = openGate(book.snapshots.current(), client(account));
    kept.push(gate);
  };
  const kept: unknown[] = [];
  const [first, second] = [encode(rule, "1"), encode(rule, "2")];
  collect();
  const before = process.memoryUsage().heapUsed;
  stage("decoded", before, () => take(first));
  stage("compiled for one client", before, () => open("web"));
  stage("for 20 clients", before, () => {
    for (let at = 0; at < 20; at += 1) open(`other-${at}`);
  });
  kept.length = 0;
  stage("all policies new, one client", before, () => {
    take(second);
    open("web");
  });
}
