/** Rules about HTTP requests, and what a client may write to get past them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Authorization,
  type HeaderMatch,
  noPolicySnapshot,
  noRequestConditions,
  type PolicySnapshot,
  type RequestMatch,
  type StringMatch,
} from "../../api/authorization.ts";
import { openWorkloadPolicy, type PortPolicy } from "../../api/mesh-policy.ts";
import { parseSpiffeId } from "../../core/spiffe-id.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import { authorize, type ConnectionFacts, openGate } from "./authorize.ts";

const client: ConnectionFacts = {
  peer: parseSpiffeId("spiffe://cluster.local/ns/shop/sa/web"),
  clientIp: "10.0.0.5",
  destinationIp: "10.0.0.9",
  port: 8080,
};
const plaintext: ConnectionFacts = { ...client, peer: undefined };

const pattern = (text: string): StringMatch => {
  if (text === "*") return { kind: "presence" };
  if (text.endsWith("*")) return { kind: "prefix", text: text.slice(0, -1) };
  if (text.startsWith("*")) return { kind: "suffix", text: text.slice(1) };
  return { kind: "exact", text };
};
const patterns = (...texts: string[]): StringMatch[] => texts.map(pattern);

const header = (name: string, match: Partial<HeaderMatch>): HeaderMatch => ({
  name,
  presence: "any",
  values: [],
  notValues: [],
  ...match,
});

const policy = (
  action: "allow" | "deny",
  request: Partial<RequestMatch>,
  more: Partial<Authorization> = {},
): Authorization => ({
  namespace: "shop",
  name: action,
  scope: "namespace",
  action,
  dryRun: false,
  rules: [{ clauses: [], request: { ...noRequestConditions, ...request } }],
  ...more,
});

const snapshot = (...policies: Authorization[]): PolicySnapshot => ({
  ...noPolicySnapshot,
  loaded: true,
  policies,
});

const get = (path: string, more: Partial<RequestHead> = {}): RequestHead => ({
  method: "GET",
  scheme: "http",
  authority: "shop.example.com",
  path,
  protocol: "",
  headers: [],
  version: 11,
  ...more,
});

const judge = (policies: PolicySnapshot, head: RequestHead, facts = client): string => {
  const gate = openGate(policies, facts);
  return (gate.requests ?? gate.judge(head)).kind;
};

const denyAdmin = snapshot(policy("deny", { paths: patterns("/admin", "/admin/*") }));
const allowPublic = snapshot(policy("allow", { paths: patterns("/public", "/public/*") }));

/** However it is written, it is the admin's page to one server or another. */
const adminTricks: readonly string[] = [
  "/admin",
  "/admin/",
  "/admin?x",
  "/admin/users",
  "//admin",
  "///admin//",
  "/./admin",
  "/x/../admin",
  "/x/y/../../admin/",
  "/../admin",
  "/%61dmin",
  "/%61%64%6d%69%6e",
  "/admi%6E",
  "/%2e/admin",
  "/x/%2e%2e/admin",
  "/x/.%2e/admin",
  "\\admin",
  "/\\admin",
  "/x\\..\\admin",
  "/admin\\users",
  "/%2fadmin",
  "/%2Fadmin",
  "/%5cadmin",
  "/admin%2f",
  "/admin%2fusers",
  "/admin%5cusers",
  "/x%2f..%2fadmin",
  "/x/..%2fadmin",
  "/x%5c..%5cadmin",
  "/admin;x=1",
  "/admin;",
  "/admin;/users",
  "/;/admin",
  "/x/..;/admin",
  "/x/..;a=b/admin",
  "/admin%3b",
  "/admin%3Bx=1",
  "/%2561dmin",
  "/%252fadmin",
  "/x%252f..%252fadmin",
  "/admin%20",
  "/admin%20/users",
  "/admin%00",
  "/admin%00.css",
  "/admin%2500",
  "/admin%0a",
  "/admin%09",
  "/%c0%afadmin",
  "/x/%c0%ae%c0%ae/admin",
  "/admin%",
  "/%%61dmin",
  "admin",
  "admin/users",
  "./admin",
  "http://shop.example.com/admin",
  "",
];
for (const path of adminTricks) {
  test(`${JSON.stringify(path)} does not get past a rule that denies /admin`, () => {
    assert.notEqual(judge(denyAdmin, get(path)), "permit");
    assert.notEqual(judge(denyAdmin, get(path, { version: 20 })), "permit");
  });
  test(`${JSON.stringify(path)} is not let in by a rule that allows /public`, () => {
    assert.notEqual(judge(allowPublic, get(path)), "permit");
  });
}

/** Public to one reading, the admin's page to another. */
const leavingPublic: readonly string[] = [
  "/public/../admin",
  "/public/%2e%2e/admin",
  "/public/..%2fadmin",
  "/public/..%5cadmin",
  "/public/..;/admin",
  "/public/..%3b/admin",
  "/public/%252e%252e/admin",
  "/public%2f..%2fadmin",
  "/public/..\\admin",
  "/public\\..\\admin",
  "/public/.././admin",
  "/public/x/../../admin",
  "/admin/..;/public",
  "/admin%2f..%2fpublic",
  "/publicx",
  "/Public",
  "/public%00",
];
for (const path of leavingPublic) {
  test(`${path} does not come in by the door of /public`, () => {
    assert.notEqual(judge(allowPublic, get(path)), "permit");
  });
}

for (const path of [
  "/public",
  "/public/",
  "/public/a%2Fb",
  "/public/a;v=1",
  "/x/../public",
  "/public/a%20b?q=../admin",
]) {
  test(`${path} is let in by a rule that allows /public`, () => {
    assert.equal(judge(allowPublic, get(path)), "permit");
  });
}

for (const path of [
  "/",
  "/administrator",
  "/public/admin",
  "/Admin",
  "/x?/admin",
  "/x?p=/../admin",
]) {
  test(`${path} is none of the business of a rule that denies /admin`, () => {
    assert.equal(judge(denyAdmin, get(path)), "permit");
  });
}

test("a request goes on in the form in which it was judged, and untouched where nobody asks for its path", () => {
  const judged = get("/x/../orders//%61?next=/../b");
  assert.equal(judge(denyAdmin, judged), "permit");
  assert.equal(judged.path, "/orders/a?next=/../b");
  const unjudged = get("/x/../orders//%61");
  assert.equal(judge(snapshot(policy("deny", { methods: ["PUT"] })), unjudged), "permit");
  assert.equal(unjudged.path, "/x/../orders//%61");
});

test("what has more than one meaning is refused as that, and not as denied", () => {
  assert.equal(judge(denyAdmin, get("/x/..;/y")), "ambiguous");
  assert.equal(judge(denyAdmin, get("/x", { authority: "a;b" })), "permit");
  const byHost = snapshot(policy("deny", { hosts: patterns("admin.example.com") }));
  assert.equal(judge(byHost, get("/x", { authority: "a;b" })), "ambiguous");
  assert.equal(judge(byHost, get("/x", { authority: "" })), "ambiguous");
});

test("asking for the server as a whole is about no path", () => {
  const options = get("*", { method: "OPTIONS" });
  assert.equal(judge(denyAdmin, options), "permit");
  assert.equal(judge(allowPublic, options), "denied");
  assert.equal(judge(denyAdmin, get("*")), "ambiguous");
});

const denyHost = snapshot(policy("deny", { hosts: patterns("admin.example.com", "*.internal") }));
const hostTricks: readonly string[] = [
  "admin.example.com",
  "ADMIN.Example.Com",
  "admin.example.com.",
  "admin.example.com:8080",
  "admin.example.com:",
  "admin.example.com.:80",
  "a.internal",
  "user@admin.example.com",
  "admin.example.com,x",
  "admin%2eexample.com",
  "admin.example.com..",
  "",
];
for (const authority of hostTricks) {
  test(`the host ${JSON.stringify(authority)} does not get past a rule that denies it`, () => {
    assert.notEqual(judge(denyHost, get("/", { authority })), "permit");
  });
}
test("a host that only ends or begins like a denied one is another", () => {
  for (const authority of [
    "xadmin.example.com",
    "admin.example.com.x",
    "internal",
    "[fd00::1]:80",
  ]) {
    assert.equal(judge(denyHost, get("/", { authority })), "permit");
  }
});
test("an IPv6 address is one however it is written", () => {
  const rule = snapshot(policy("deny", { hosts: patterns("[fd00::1]") }));
  assert.equal(judge(rule, get("/", { authority: "[FD00:0:0::0:1]:80" })), "denied");
});

test("methods are case-sensitive", () => {
  const rule = snapshot(policy("allow", { methods: ["GET"] }));
  assert.equal(judge(rule, get("/")), "permit");
  assert.equal(judge(rule, get("/", { method: "get" })), "denied");
  const not = snapshot(policy("deny", { notMethods: ["GET", "HEAD"] }));
  assert.equal(judge(not, get("/", { method: "HEAD" })), "permit");
  assert.equal(judge(not, get("/", { method: "get" })), "denied");
});

test("a closed door is closed with and without a slash behind it", () => {
  assert.equal(judge(snapshot(policy("deny", { paths: patterns("/a") })), get("/a/")), "denied");
  const except = snapshot(policy("allow", { notPaths: patterns("/a") }));
  assert.equal(judge(except, get("/a/")), "denied");
  const only = snapshot(policy("deny", { notPaths: patterns("/a") }));
  assert.equal(judge(only, get("/a")), "permit");
  assert.equal(judge(only, get("/a/")), "denied");
  assert.equal(judge(only, get("/a;x")), "denied");
});

const allowTenant = snapshot(
  policy("allow", { headers: [header("x-tenant", { values: patterns("a", "b*") })] }),
);
const denyTenant = snapshot(
  policy("deny", { headers: [header("x-tenant", { values: patterns("evil") })] }),
);
const headerCases: readonly [headers: string[], allowed: boolean, denied: boolean][] = [
  [[], false, false],
  [["x-tenant", "a"], true, false],
  [["x-tenant", "b1, a"], true, false],
  [["x-tenant", "a", "x-tenant", "bc"], true, false],
  [["x-tenant", "A"], false, false],
  [["x-tenant", "c"], false, false],
  [["x-tenant", "evil"], false, true],
  [["x-tenant", "a", "x-tenant", "evil"], false, true],
  [["x-tenant", "evil", "x-tenant", "a"], false, true],
  [["x-tenant", "a,evil"], false, true],
  [["x-tenant", "b, evil"], false, true],
  [["x-tenant", "a", "x_tenant", "evil"], false, true],
  [["x_tenant", "evil"], false, true],
  [["x-tenants", "evil", "other", "x-tenant"], false, false],
];
for (const [headers, allowed, denied] of headerCases) {
  test(`every value of a header must be allowed and none denied: ${headers.join(" ")}`, () => {
    assert.equal(judge(allowTenant, get("/", { headers })), allowed ? "permit" : "denied");
    assert.equal(judge(denyTenant, get("/", { headers })), denied ? "denied" : "permit");
  });
}

test("a header can be asked to be there, to be absent, and to be none of some values", () => {
  const rule = (match: Partial<HeaderMatch>, action: "allow" | "deny" = "allow") =>
    snapshot(policy(action, { headers: [header("x", match)] }));
  const with1 = get("/", { headers: ["x", "1"] });
  assert.equal(judge(rule({ presence: "present" }), with1), "permit");
  assert.equal(judge(rule({ presence: "present" }), get("/")), "denied");
  assert.equal(judge(rule({ presence: "absent" }), with1), "denied");
  assert.equal(judge(rule({ presence: "absent" }), get("/")), "permit");
  assert.equal(judge(rule({ notValues: patterns("2") }), with1), "permit");
  assert.equal(
    judge(rule({ notValues: patterns("2") }), get("/", { headers: ["x", "1,2"] })),
    "denied",
  );
  const unlessOne = rule({ notValues: patterns("1") }, "deny");
  assert.equal(judge(unlessOne, with1), "permit");
  assert.equal(judge(unlessOne, get("/")), "denied");
  assert.equal(judge(unlessOne, get("/", { headers: ["x", "1", "x", "2"] })), "denied");
});

test("a value with a comma is compared as it was written", () => {
  const rule = snapshot(policy("allow", { headers: [header("x", { values: patterns("a, b") })] }));
  assert.equal(judge(rule, get("/", { headers: ["x", "a, b"] })), "permit");
  assert.equal(judge(rule, get("/", { headers: ["x", "a, c"] })), "denied");
});

test("all conditions of a rule must hold, and one rule of several is enough", () => {
  const both = policy("allow", {
    methods: ["GET"],
    paths: patterns("/a"),
    hosts: patterns("*.example.com"),
  });
  const put = policy("allow", { methods: ["PUT"] }, { name: "put" });
  assert.equal(judge(snapshot(both, put), get("/a")), "permit");
  assert.equal(judge(snapshot(both, put), get("/b")), "denied");
  assert.equal(judge(snapshot(both, put), get("/b", { method: "PUT" })), "permit");
});

test("a deny rule goes before an allow rule, request by request", () => {
  const policies = snapshot(
    policy("allow", { methods: ["GET"] }),
    policy("deny", { paths: patterns("/a/secret*") }),
  );
  assert.equal(judge(policies, get("/a/b")), "permit");
  assert.equal(judge(policies, get("/a/secret")), "denied");
});

test("bytes that are not HTTP are not let in by a rule about requests, and kept out by one", () => {
  assert.equal(authorize(allowPublic, client).kind, "denied");
  const denial = authorize(denyAdmin, client);
  assert.equal(denial.kind === "denied" && denial.policy, "shop/deny");
  const other = policy("deny", { paths: patterns("/admin") });
  const elsewhere = { ...other, rules: [{ ...other.rules[0], clauses: [portClause(9090)] }] };
  assert.equal(authorize(snapshot(elsewhere), client).kind, "permit");
});

function portClause(port: number): Authorization["rules"][number]["clauses"][number] {
  const none = { namespaces: [], notNamespaces: [], principals: [], notPrincipals: [] };
  const ips = { sourceIps: [], notSourceIps: [], destinationIps: [], notDestinationIps: [] };
  const accounts = { serviceAccounts: [], notServiceAccounts: [] };
  const ports = { destinationPorts: [port], notDestinationPorts: [] };
  return { matches: [{ ...none, ...ips, ...accounts, ...ports }] };
}

test("where no rule about requests is left for a client, requests are not looked at", () => {
  const rule = policy("deny", { paths: patterns("/admin") });
  const elsewhere = { ...rule, rules: [{ ...rule.rules[0], clauses: [portClause(9090)] }] };
  const gate = openGate(snapshot(elsewhere), client);
  assert.equal(gate.requests?.kind, "permit");
});

test("a policy in audit mode changes noRequestConditions and says what it would deny", () => {
  const audit = policy("deny", { paths: patterns("/admin") }, { dryRun: true });
  const gate = openGate(snapshot(audit), client);
  const find = (path: string) => {
    const head = get(path);
    const decision = gate.judge(head);
    assert.equal(head.path, path);
    return decision.kind === "permit" ? decision.audit : assert.fail(decision.kind);
  };
  assert.equal(find("//admin")?.policy, "shop/deny");
  assert.equal(find("/x"), undefined);
  assert.match(find("/x/..;/y")?.reason ?? "", /more than one meaning/);
});

test("strict mutual TLS goes before every policy, and a default only where no policy speaks", () => {
  const strictPort: PortPolicy = {
    ...openWorkloadPolicy.all,
    mtls: "strict",
    mtlsPolicy: "m/strict",
  };
  const all: PortPolicy = {
    ...openWorkloadPolicy.all,
    defaultAction: "deny",
    defaultPolicy: "m/deny",
  };
  const mesh = { all, ports: new Map([[8080, strictPort]]) };
  const anyone = policy("allow", {}, { rules: [{ clauses: [] }] });
  const strict = { ...snapshot(anyone), mesh };
  const refused = authorize(strict, plaintext);
  assert.ok(refused.kind === "denied");
  assert.equal(refused.policy, "MeshPolicy m/strict");
  assert.equal(refused.told, "this port takes mutual TLS only");
  assert.equal(authorize(strict, client).kind, "permit");
  const bare = { ...snapshot(), mesh };
  const elsewhere = { ...client, port: 9090 };
  const denied = authorize(bare, elsewhere);
  assert.equal(denied.kind === "denied" && denied.policy, "MeshPolicy m/deny");
  assert.equal(authorize(bare, client).kind, "permit");
  assert.equal(authorize(strict, elsewhere).kind, "permit");
});
