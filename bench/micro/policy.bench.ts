/**
 * What a decision costs: `node bench/micro/policy.bench.ts`. Nanoseconds per request or connection, best of several
 * rounds; 10,000 rules about others beside the one that matters.
 */
import {
  type Authorization,
  noConditions,
  noPolicySnapshot,
  noRequestConditions,
  type PolicyMatch,
  type PolicyRule,
  type PolicySnapshot,
  type RequestMatch,
} from "../../src/api/authorization.ts";
import { parseSpiffeId } from "../../src/core/spiffe-id.ts";
import type { RequestHead } from "../../src/protocol/exchange.ts";
import { openGate } from "../../src/proxy/policy/authorize.ts";
import { normalizePath } from "../../src/proxy/policy/normal-path.ts";

const rounds = 7;
const perRound = 100_000;

function measure(what: string, work: (index: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const begin = process.hrtime.bigint();
    for (let index = 0; index < perRound; index += 1) work(index);
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / perRound);
  }
  process.stdout.write(`${what.padEnd(60)} ${best.toFixed(0).padStart(6)} ns\n`);
}

function measureOnce(what: string, times: number, work: (index: number) => void): void {
  const begin = process.hrtime.bigint();
  for (let index = 0; index < times; index += 1) work(index);
  const each = Number(process.hrtime.bigint() - begin) / times;
  process.stdout.write(`${what.padEnd(60)} ${each.toFixed(0).padStart(6)} ns\n`);
}

const client = {
  peer: parseSpiffeId("spiffe://cluster.local/ns/shop/sa/web"),
  clientIp: "10.0.0.5",
  destinationIp: "10.0.0.9",
  port: 8080,
};
const heads: readonly RequestHead[] = Array.from({ length: 64 }, (_, id) => ({
  method: "GET",
  scheme: "http",
  authority: "catalog.shop.svc.cluster.local:8080",
  path: `/tenant-${id * 100}/items/17?page=2`,
  protocol: "",
  headers: ["accept", "application/json", "x-request-id", `7f1c0b5e-${id}`, "cookie", "a=b"],
  version: 20,
}));

function snapshotOf(...rules: readonly PolicyRule[]): PolicySnapshot {
  const policies = rules.map((rule, index): Authorization => {
    const name = `p${index}`;
    return {
      namespace: "shop",
      name,
      scope: "namespace",
      action: "allow",
      dryRun: false,
      rules: [rule],
    };
  });
  return { ...noPolicySnapshot, loaded: true, policies };
}

function connectionRule(match: Partial<PolicyMatch>): PolicyRule {
  return { clauses: [{ matches: [{ ...noConditions, ...match }] }] };
}

function requestRule(request: Partial<RequestMatch>): PolicyRule {
  return { clauses: [], request: { ...noRequestConditions, ...request } };
}

function measureRequests(what: string, snapshot: PolicySnapshot): void {
  const gate = openGate(snapshot, client);
  measure(what, (index) => {
    const decision = gate.requests ?? gate.judge(heads[index & 63] as RequestHead);
    if (decision.kind !== "permit") throw new Error(decision.reason);
  });
}

const many = Array.from({ length: 10_000 }, (_, index) => index);
const accounts = many.map((index) =>
  connectionRule({ serviceAccounts: [{ namespace: "shop", serviceAccount: `a${index}` }] }),
);
const own = connectionRule({ serviceAccounts: [{ namespace: "shop", serviceAccount: "web" }] });
const prefixes = many.map((index) =>
  requestRule({ paths: [{ kind: "prefix", text: `/tenant-${index}/` }] }),
);

measureRequests("request, no policy", snapshotOf());
measureRequests("request, 10,000 rules about other accounts", snapshotOf(...accounts, own));
measureRequests(
  "request, one rule about a path",
  snapshotOf(requestRule({ paths: [{ kind: "prefix", text: "/tenant-" }] })),
);
measureRequests("request, 10,000 rules about paths", snapshotOf(...prefixes));
measureRequests(
  "request, one rule about method, host and header",
  snapshotOf(
    requestRule({
      methods: ["GET"],
      hosts: [{ kind: "suffix", text: ".svc.cluster.local" }],
      headers: [
        {
          name: "accept",
          presence: "any",
          values: [{ kind: "prefix", text: "application/" }],
          notValues: [],
        },
      ],
    }),
  ),
);

const known = snapshotOf(...accounts, own);
measure("connection, 10,000 rules, client seen before", () => {
  openGate(known, client);
});
const knownPaths = snapshotOf(...prefixes);
measure("connection, 10,000 rules about paths, client seen before", () => {
  openGate(knownPaths, client);
});

const byAddress = snapshotOf(
  ...prefixes,
  connectionRule({ sourceIps: [{ address: Uint8Array.of(192, 0, 2, 0), length: 24 }] }),
);
measureOnce("clients of 200 new addresses, 10,000 rules about paths, each", 200, (index) => {
  openGate(byAddress, { ...client, clientIp: `10.0.1.${index}` });
});

const begin = process.hrtime.bigint();
openGate(snapshotOf(...accounts, own), client);
const compiled = Number(process.hrtime.bigint() - begin) / 1e6;
process.stdout.write(
  `${"10,000 new policies, first client".padEnd(60)} ${compiled.toFixed(1).padStart(6)} ms\n`,
);
const beginPaths = process.hrtime.bigint();
openGate(snapshotOf(...prefixes), client);
const compiledPaths = Number(process.hrtime.bigint() - beginPaths) / 1e6;
process.stdout.write(
  `${"10,000 new policies about paths, first client".padEnd(60)} ${compiledPaths.toFixed(1).padStart(6)} ms\n`,
);

for (const path of [
  "/catalog/items/17?page=2",
  "/.well-known/a",
  "/a%20b/c",
  "/a/../b",
  "/a%2Fb;v=1",
]) {
  measure(`normal form of ${path}`, () => {
    normalizePath(path);
  });
}
