import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AddressBlock,
  type Authorization,
  noConditions,
  noPolicySnapshot,
  type PolicyMatch,
  type PolicySnapshot,
} from "../../api/authorization.ts";
import { parseIpBytes } from "../../core/address.ts";
import { parseSpiffeId } from "../../core/spiffe-id.ts";
import { authorize, type ConnectionFacts } from "./authorize.ts";

const web = parseSpiffeId("spiffe://cluster.local/ns/shop/sa/web");
const client: ConnectionFacts = {
  peer: web,
  clientIp: "10.0.0.5",
  destinationIp: "10.0.0.9",
  port: 8080,
};
const plaintext: ConnectionFacts = { ...client, peer: undefined };

/** A rule of one clause of one match. */
const when = (match: Partial<PolicyMatch>): Authorization["rules"][number] => ({
  clauses: [{ matches: [{ ...noConditions, ...match }] }],
});

const policy = (
  name: string,
  action: "allow" | "deny",
  ...rules: Authorization["rules"]
): Authorization => ({ namespace: "shop", name, scope: "namespace", action, rules, dryRun: false });

const snapshot = (...policies: Authorization[]): PolicySnapshot => ({
  ...noPolicySnapshot,
  loaded: true,
  policies,
});

const exact = (text: string) => ({ kind: "exact", text }) as const;
const block = (text: string): AddressBlock => {
  const [ip = "", length = "32"] = text.split("/");
  return { address: parseIpBytes(ip) ?? new Uint8Array(0), length: Number(length) };
};

/** Whether an allow policy with the rule lets the client in: whether the rule matches. */
const matches = (rule: Authorization["rules"][number], facts: ConnectionFacts): boolean =>
  authorize(snapshot(policy("p", "allow", rule)), facts).kind === "permit";

test("without a policy everything is permitted", () => {
  const decision = authorize(snapshot(), plaintext);
  assert.equal(decision.kind, "permit");
});

test("noConditions is permitted before policies are known", () => {
  assert.deepEqual(authorize(noPolicySnapshot, client), {
    kind: "denied",
    policy: undefined,
    reason: "policies are not known yet",
  });
});

test("noConditions is permitted while a policy that applies is not known", () => {
  const decision = authorize({ ...snapshot(), missing: ["shop/x"] }, client);
  assert.equal(decision.kind === "denied" && decision.policy, "shop/x");
});

test("an allow policy permits whom it names and its permit says so", () => {
  const decision = authorize(
    snapshot(policy("web-only", "allow", when({ namespaces: [exact("shop")] }))),
    client,
  );
  assert.ok(decision.kind === "permit");
  assert.equal(decision.permit.policy, "shop/web-only");
  assert.equal(decision.permit.facts, client);
});

test("when an allow policy applies and none matches, the answer names the lack", () => {
  const other = policy("others", "allow", when({ namespaces: [exact("other")] }));
  assert.deepEqual(authorize(snapshot(other), client), {
    kind: "denied",
    policy: undefined,
    reason: "no allow policy matched",
  });
});

test("one allow policy of several is enough", () => {
  const other = policy("others", "allow", when({ namespaces: [exact("other")] }));
  const mine = policy("mine", "allow", when({ destinationPorts: [8080] }));
  assert.equal(authorize(snapshot(other, mine), client).kind, "permit");
});

test("a deny policy wins over an allow policy and is named", () => {
  const allow = policy("all", "allow", { clauses: [] });
  const deny = policy(
    "no-web",
    "deny",
    when({ principals: [exact("cluster.local/ns/shop/sa/web")] }),
  );
  assert.deepEqual(authorize(snapshot(allow, deny), client), {
    kind: "denied",
    policy: "shop/no-web",
    reason: "policy shop/no-web denies it",
  });
  assert.equal(authorize(snapshot(allow, deny), plaintext).kind, "permit");
});

test("a deny policy that does not match leaves everything permitted", () => {
  const deny = policy("d", "deny", when({ destinationPorts: [1] }));
  assert.equal(authorize(snapshot(deny), client).kind, "permit");
});

test("a policy without rules matches noConditions", () => {
  assert.equal(authorize(snapshot(policy("none", "allow")), client).kind, "denied");
  assert.equal(authorize(snapshot(policy("none", "deny")), client).kind, "permit");
});

test("an empty clause always matches and an empty match never", () => {
  assert.equal(matches({ clauses: [{ matches: [] }] }, plaintext), true);
  assert.equal(matches({ clauses: [{ matches: [noConditions] }] }, client), false);
});

test("clauses are joined by and, matches by or", () => {
  const here = { ...noConditions, destinationPorts: [8080] };
  const elsewhere = { ...noConditions, destinationPorts: [9] };
  assert.equal(matches({ clauses: [{ matches: [elsewhere, here] }] }, client), true);
  assert.equal(
    matches({ clauses: [{ matches: [here] }, { matches: [elsewhere] }] }, client),
    false,
  );
  assert.equal(matches({ clauses: [{ matches: [here] }, { matches: [here] }] }, client), true);
});

test("the kinds of one match are joined by and, its values by or", () => {
  const namespaces = [exact("a"), exact("shop")];
  assert.equal(matches(when({ namespaces, destinationPorts: [8080] }), client), true);
  assert.equal(matches(when({ namespaces, destinationPorts: [1] }), client), false);
});

interface Row {
  readonly match: Partial<PolicyMatch>;
  readonly identified: boolean;
  readonly anonymous: boolean;
}

const table: Readonly<Record<string, Row>> = {
  "a principal": {
    match: { principals: [exact("cluster.local/ns/shop/sa/web")] },
    identified: true,
    anonymous: false,
  },
  "a principal with its scheme": {
    match: { principals: [exact("spiffe://cluster.local/ns/shop/sa/web")] },
    identified: false,
    anonymous: false,
  },
  "a principal of other case": {
    match: { principals: [exact("cluster.local/ns/Shop/sa/web")] },
    identified: false,
    anonymous: false,
  },
  "a principal's prefix": {
    match: { principals: [{ kind: "prefix", text: "cluster.local/ns/shop/" }] },
    identified: true,
    anonymous: false,
  },
  "a principal's suffix": {
    match: { principals: [{ kind: "suffix", text: "/sa/web" }] },
    identified: true,
    anonymous: false,
  },
  "another suffix": {
    match: { principals: [{ kind: "suffix", text: "/sa/we" }] },
    identified: false,
    anonymous: false,
  },
  "any principal": {
    match: { principals: [{ kind: "presence" }] },
    identified: true,
    anonymous: false,
  },
  "not any principal": {
    match: { notPrincipals: [{ kind: "presence" }] },
    identified: false,
    anonymous: true,
  },
  "an empty prefix of a principal": {
    match: { principals: [{ kind: "prefix", text: "" }] },
    identified: true,
    anonymous: false,
  },
  "a namespace": { match: { namespaces: [exact("shop")] }, identified: true, anonymous: false },
  "not a namespace": {
    match: { notNamespaces: [exact("shop")] },
    identified: false,
    anonymous: true,
  },
  "not another namespace": {
    match: { notNamespaces: [exact("other")] },
    identified: true,
    anonymous: true,
  },
  "a service account": {
    match: { serviceAccounts: [{ namespace: "shop", serviceAccount: "web" }] },
    identified: true,
    anonymous: false,
  },
  "a service account of another namespace": {
    match: { serviceAccounts: [{ namespace: "x", serviceAccount: "web" }] },
    identified: false,
    anonymous: false,
  },
  "not a service account": {
    match: { notServiceAccounts: [{ namespace: "shop", serviceAccount: "web" }] },
    identified: false,
    anonymous: true,
  },
  "a source block": {
    match: { sourceIps: [block("10.0.0.0/29")] },
    identified: true,
    anonymous: true,
  },
  "a source block beside it": {
    match: { sourceIps: [block("10.0.0.8/29")] },
    identified: false,
    anonymous: false,
  },
  "every IPv4 source": {
    match: { sourceIps: [block("0.0.0.0/0")] },
    identified: true,
    anonymous: true,
  },
  "every IPv6 source": {
    match: { sourceIps: [block("::/0")] },
    identified: false,
    anonymous: false,
  },
  "not a source block": {
    match: { notSourceIps: [block("10.0.0.0/8")] },
    identified: false,
    anonymous: false,
  },
  "a destination": {
    match: { destinationIps: [block("10.0.0.9/32")] },
    identified: true,
    anonymous: true,
  },
  "not a destination": {
    match: { notDestinationIps: [block("10.0.0.9/32")] },
    identified: false,
    anonymous: false,
  },
  "a port": { match: { destinationPorts: [1, 8080] }, identified: true, anonymous: true },
  "another port": { match: { destinationPorts: [15008] }, identified: false, anonymous: false },
  "not a port": { match: { notDestinationPorts: [8080] }, identified: false, anonymous: false },
  "a namespace and not one of its principals": {
    match: {
      namespaces: [exact("shop")],
      notPrincipals: [exact("cluster.local/ns/shop/sa/web")],
    },
    identified: false,
    anonymous: false,
  },
};

for (const [name, { match, identified, anonymous }] of Object.entries(table)) {
  test(`${name} is matched by ${identified ? "" : "no "}client with, ${anonymous ? "" : "no "}client without that identity`, () => {
    assert.equal(matches(when(match), client), identified);
    assert.equal(matches(when(match), plaintext), anonymous);
    // The same through the deny side, which has an index of its own.
    const denied = authorize(snapshot(policy("p", "deny", when(match))), client);
    assert.equal(denied.kind === "denied", identified);
  });
}

test("an IPv4-mapped client is its IPv4 address", () => {
  const facts = { ...client, clientIp: "::ffff:10.0.0.5" };
  assert.equal(matches(when({ sourceIps: [block("10.0.0.5/32")] }), facts), true);
});

test("IPv6 blocks are compared to the bit", () => {
  const facts = { ...client, clientIp: "fd00::1:2" };
  assert.equal(matches(when({ sourceIps: [block("fd00::1:0/112")] }), facts), true);
  assert.equal(matches(when({ sourceIps: [block("fd00::/110")] }), facts), true);
  assert.equal(matches(when({ sourceIps: [block("fd00::2:0/112")] }), facts), false);
});

test("a policy in audit mode is reported and not enforced", () => {
  const deny = { ...policy("d", "deny", when({ destinationPorts: [8080] })), dryRun: true };
  const decision = authorize(snapshot(deny), client);
  assert.deepEqual(decision.kind === "permit" && decision.audit, {
    policy: "shop/d",
    reason: "policy shop/d denies it",
  });
  const allow = { ...policy("a", "allow"), dryRun: true };
  const locked = authorize(snapshot(allow), client);
  assert.equal(locked.kind === "permit" && locked.audit?.reason, "no allow policy matched");
});
