import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Authorization,
  noConditions,
  noPolicySnapshot,
  noRequestConditions,
  type PolicyMatch,
  type PolicyRule,
  type PolicySnapshot,
  type RequestMatch,
  type StringMatch,
} from "../../api/authorization.ts";
import { openWorkloadPolicy } from "../../api/mesh-policy.ts";
import { parseSpiffeId } from "../../core/spiffe-id.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import { type ConnectionFacts, openGate } from "./authorize.ts";
import { explain, summarize } from "./explain.ts";

const exact = (text: string): StringMatch => ({ kind: "exact", text });

const policy = (name: string, action: "allow" | "deny", ...rules: PolicyRule[]): Authorization => ({
  namespace: "n",
  name,
  scope: "global",
  action,
  dryRun: false,
  rules,
});
const snapshot = (...policies: Authorization[]): PolicySnapshot => ({
  ...noPolicySnapshot,
  loaded: true,
  policies,
});
const client = (namespace: string, port = 80): ConnectionFacts => ({
  peer: parseSpiffeId(`spiffe://td/ns/${namespace}/sa/x`),
  clientIp: "10.0.0.1",
  destinationIp: "10.0.0.2",
  port,
});
const head = (path: string, more: Partial<RequestHead> = {}): RequestHead => ({
  method: "GET",
  scheme: "http",
  authority: "h",
  path,
  protocol: "",
  headers: [],
  version: 11,
  ...more,
});

test("an explanation says of each rule what kept it from matching", () => {
  const rule = (match: Partial<PolicyMatch>, request?: Partial<RequestMatch>): PolicyRule => ({
    clauses: [{ matches: [{ ...noConditions, ...match }] }],
    ...(request === undefined ? {} : { request: { ...noRequestConditions, ...request } }),
  });
  const rules = [
    rule({ namespaces: [exact("other")], destinationPorts: [80] }),
    rule({ destinationPorts: [81] }),
    rule({ destinationPorts: [80] }, { paths: [exact("/a")], methods: ["PUT"] }),
    rule(
      { destinationPorts: [80] },
      { headers: [{ name: "x", presence: "present", values: [], notValues: [] }] },
    ),
    { clauses: [{ matches: [noConditions, { ...noConditions, destinationPorts: [1] }] }] },
  ];
  const policies = snapshot(policy("p", "allow", ...rules), policy("none", "allow"));
  const explained = explain(policies, client("shop"), head("/a//b;c"));
  assert.deepEqual(explained.policies[0]?.rules, [
    "from.namespaces does not hold",
    "to.ports does not hold",
    "to.methods does not hold",
    "to.headers: x does not hold",
    "it has no conditions, or to.ports does not hold",
  ]);
  assert.deepEqual(explained.paths, ["/a/b;c", "/a/b"]);
  assert.equal(explained.decision.kind, "denied");
  assert.deepEqual(summarize(explained), [
    "n/p: from.namespaces does not hold; to.ports does not hold; to.methods does not hold",
    "n/none: has no rules",
  ]);
  const bytes = explain(policies, client("shop"));
  assert.equal(bytes.policies[0]?.rules[2], "it is about HTTP requests");
});

/** A small generator, so that a failure can be repeated. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("what is decided by indexes is what going through the rules one by one comes to", () => {
  const random = createRandom(26);
  const some = <T>(values: readonly T[]): T[] => values.filter(() => random(3) === 0);
  const texts: StringMatch[] = [
    exact("/a"),
    exact("/b/c"),
    { kind: "prefix", text: "/a/" },
    { kind: "prefix", text: "/" },
    { kind: "suffix", text: "c" },
    { kind: "presence" },
  ];
  const hosts: StringMatch[] = [exact("h"), exact("i"), { kind: "suffix", text: ".i" }];
  const makeRule = (): PolicyRule => {
    const match: PolicyMatch = {
      ...noConditions,
      namespaces: some([exact("a"), exact("b"), { kind: "prefix", text: "a" } as const]),
      notNamespaces: random(6) === 0 ? [exact("b")] : [],
      destinationPorts: some([80, 81]),
    };
    const request: RequestMatch = {
      hosts: some(hosts),
      notHosts: random(6) === 0 ? [exact("i")] : [],
      methods: some(["GET", "PUT"]),
      notMethods: random(6) === 0 ? ["PUT"] : [],
      paths: some(texts),
      notPaths: random(6) === 0 ? some(texts) : [],
      headers: some([{ name: "x", presence: "any", values: [exact("1")], notValues: [] } as const]),
    };
    const empty = Object.values(request).every((values) => values.length === 0);
    const clauses = random(3) === 0 ? [] : [{ matches: [match] }];
    return empty || random(3) === 0 ? { clauses } : { clauses, request };
  };
  const counts: Record<string, number> = {};
  for (let round = 0; round < 3_000; round += 1) {
    const policies = Array.from({ length: random(5) }, (_, index) =>
      policy(
        `p${index}`,
        random(2) === 0 ? "deny" : "allow",
        ...Array.from({ length: random(4) }, makeRule),
      ),
    );
    const mesh = {
      ...openWorkloadPolicy,
      all: {
        ...openWorkloadPolicy.all,
        defaultAction: random(2) === 0 ? "allow" : "deny",
      } as const,
    };
    const current = { ...snapshot(...policies), mesh };
    const facts = client(["a", "b", "ab"][random(3)] ?? "", 80 + random(3));
    const path = ["/a", "/a/", "/a/x;y", "/b%2Fc", "/b/c", "/z", "/a%2Fc"][random(7)] ?? "";
    const request = head(path, {
      authority: ["h", "i", "j.i"][random(3)] ?? "",
      method: ["GET", "PUT", "POST"][random(3)] ?? "",
      headers: random(2) === 0 ? [] : ["x", ["1", "1, 2", "2"][random(3)] ?? ""],
    });
    const isHttp = random(4) !== 0;
    const { decision, policies: rows } = explain(current, facts, isHttp ? request : undefined);
    const hit = (action: string) => rows.some((row) => row.action === action && row.matched);
    const allows = rows.some(({ action }) => action === "allow");
    const permitted = !hit("deny") && (allows ? hit("allow") : mesh.all.defaultAction === "allow");
    assert.equal(decision.kind, permitted ? "permit" : "denied", JSON.stringify({ rows, path }));
    counts[decision.kind] = (counts[decision.kind] ?? 0) + 1;
    if (decision.kind === "denied" && hit("deny")) {
      const decider = rows.find((row) => row.policy === decision.policy);
      assert.ok(decider?.matched === true && decider.action === "deny");
    }
    // The second question of a client is answered from what the first one left.
    const again = openGate(current, facts);
    assert.equal((isHttp ? again.judge({ ...request }) : again.connection).kind, decision.kind);
  }
  assert.ok((counts["permit"] ?? 0) > 500 && (counts["denied"] ?? 0) > 500, JSON.stringify(counts));
});
