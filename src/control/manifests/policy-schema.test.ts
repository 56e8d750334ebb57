import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "./parse.ts";
import { formatProblem } from "./problem.ts";

const ofKind = (kind: string, spec: string): string =>
  `apiVersion: policy.remora.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: p}\nspec: ${spec}\n`;
const policy = (spec: string): string => ofKind("AuthorizationPolicy", spec);
const meshPolicy = (spec: string): string => ofKind("MeshPolicy", spec);
const to = (conditions: string): string => `{action: Allow, rules: [{to: {${conditions}}}]}`;

const good: readonly string[] = [
  "{action: Allow}",
  "{action: Deny, rules: [{}], audit: true}",
  "{action: Allow, selector: {matchLabels: {app: web}}, rules: [{to: {ports: [80]}}]}",
  "{action: Allow, rules: [{from: {principals: ['*', 'spiffe://cluster.local/ns/a/sa/b', 'cluster.local/ns/a/*', '*/sa/b']}}]}",
  "{action: Allow, rules: [{from: {namespaces: [a, 'a*', '*a', '*'], notNamespaces: [b]}}]}",
  "{action: Allow, rules: [{from: {serviceAccounts: [a, b/c], notServiceAccounts: [d]}}]}",
  to(
    "hosts: [shop.example.com, '*.example.com', 'shop.*', '*', '[fd00::1]'], notHosts: [Admin.Example.com]",
  ),
  to("methods: [GET, M-SEARCH], notMethods: [DELETE]"),
  to("paths: [/, /orders, '/orders/*', '*.css', '*', /a%20b, '/a%2Fb'], notPaths: [/admin]"),
  to(
    "headers: [{name: X-Tenant, values: [a, 'b*', '*c', '*'], notValues: [d]}, {name: x, present: true}]",
  ),
  to("headers: [{name: x, present: false}]"),
  "{action: Allow, rules: [{from: {addresses: [10.0.0.1, 10.0.0.0/8, 'fd00::/64'], notAddresses: ['::1']}}]}",
];
for (const spec of good) {
  test(`the policy ${spec} is sound`, () => {
    assert.deepEqual(parseManifests(policy(spec), "p.yaml").problems, []);
  });
}

const bad: Readonly<Record<string, string>> = {
  "{}": "spec.action is missing",
  "{action: ALLOW}": 'spec.action: expected Allow or Deny, got the string "ALLOW" (did you mean',
  "{action: Allow, rule: []}": 'spec: unknown field "rule" (did you mean rules?)',
  "{action: Allow, rules: [{when: []}]}":
    'spec.rules[0]: unknown field "when" (known are from, to)',
  "{action: Allow, rules: [{from: {}}]}":
    'spec.rules[0].from: says nothing (leave "from" out to mean everything)',
  "{action: Allow, rules: [{from: , to: {ports: [1]}}]}":
    'spec.rules[0].from: says nothing (leave "from" out if that is meant)',
  "{action: Allow, rules: [{from: {principals: []}}]}":
    "spec.rules[0].from.principals: the list is empty",
  "{action: Allow, rules: [{from: {principals: [web]}}]}":
    'spec.rules[0].from.principals[0]: "web" is not an identity of the form TRUST-DOMAIN/ns/NAMESPACE/sa/NAME',
  "{action: Allow, rules: [{from: {principals: ['a/*/b']}}]}":
    'spec.rules[0].from.principals[0]: "a/*/b": a "*" may stand only once, at the start or the end',
  "{action: Allow, rules: [{from: {addresses: [10.0.0.0/33]}}]}":
    'spec.rules[0].from.addresses[0]: expected an IP address or a CIDR block, got "10.0.0.0/33"',
  "{action: Allow, rules: [{from: {addresses: [web]}}]}":
    'spec.rules[0].from.addresses[0]: expected an IP address or a CIDR block, got "web"',
  "{action: Allow, rules: [{from: {addresses: ['fe80::1%eth0']}}]}":
    'spec.rules[0].from.addresses[0]: expected an IP address or a CIDR block, got "fe80::1%eth0"',
  "{action: Allow, rules: [{to: {ports: [0]}}]}":
    "spec.rules[0].to.ports[0]: expected a whole number from 1 to 65535, got the number 0",
  [to("hosts: ['a.b:80']")]:
    'spec.rules[0].to.hosts[0]: "a.b:80" is not a host (leave the port out; to.ports has the port',
  [to("hosts: [http://a]")]: 'spec.rules[0].to.hosts[0]: "http://a" is not a host (like',
  [to("methods: [get]")]:
    'spec.rules[0].to.methods[0]: expected a method in capital letters, like GET, got the string "get"',
  [to("paths: [admin]")]: 'spec.rules[0].to.paths[0]: "admin" does not begin with "/"',
  [to("paths: ['/a*b']")]: 'spec.rules[0].to.paths[0]: "/a*b": a "*" may stand only once',
  [to("paths: ['/a?b']")]: 'spec.rules[0].to.paths[0]: "/a?b": a path has no query',
  [to("paths: [/a//b]")]: 'spec.rules[0].to.paths[0]: "/a//b": slashes are merged',
  [to("paths: [/a/../b]")]: 'spec.rules[0].to.paths[0]: "/a/../b": dot segments are resolved',
  [to("paths: ['/a;b']")]: 'spec.rules[0].to.paths[0]: "/a;b": path parameters (";") are not',
  [to("paths: [/%61]")]: 'spec.rules[0].to.paths[0]: "/%61": letters, digits, "-", ".", "_"',
  [to("paths: [/%2f]")]: 'spec.rules[0].to.paths[0]: "/%2f": a "%" needs two capital hex digits',
  [to("paths: [/%00]")]: 'spec.rules[0].to.paths[0]: "/%00": no request may hold these bytes',
  [to("paths: [/ä]")]: 'spec.rules[0].to.paths[0]: "/ä": other characters are written percent-enc',
  [to("headers: [{name: Host, values: [a]}]")]:
    'spec.rules[0].to.headers[0].name: "Host" cannot be a condition (use to.hosts)',
  [to("headers: [{name: remora-client-id, present: true}]")]:
    'spec.rules[0].to.headers[0].name: "remora-client-id" cannot be a condition (it belongs to',
  [to("headers: [{name: 'a b', present: true}]")]:
    'spec.rules[0].to.headers[0].name: "a b" is not the name of a header',
  [to("headers: [{name: x}]")]: "spec.rules[0].to.headers[0]: needs values, notValues or present",
  [to("headers: [{name: x, present: false, values: [a]}]")]:
    "spec.rules[0].to.headers[0]: a header that is absent has no values",
  [to("headers: [{name: x, values: ['a*b']}]")]:
    'spec.rules[0].to.headers[0].values[0]: expected visible ASCII, with "*" at the start or the end',
  [to("path: [/]")]: 'spec.rules[0].to: unknown field "path" (did you mean paths?)',
  "{action: Allow, selector: {matchLabels: {}}}":
    "spec.selector: has no labels (leave the selector out to mean every pod)",
};
for (const [spec, reason] of Object.entries(bad)) {
  test(`the policy ${spec} is refused`, () => {
    const { objects, problems } = parseManifests(policy(spec), "p.yaml");
    assert.deepEqual(objects, []);
    const [first] = problems.map((problem) => formatProblem(problem));
    assert.ok(
      first?.startsWith(`p.yaml:4: AuthorizationPolicy "p": ${reason}`) === true,
      first ?? "no problem",
    );
  });
}

const goodMesh: readonly string[] = [
  "{mtls: Strict}",
  "{defaultAction: Deny, selector: {matchLabels: {app: web}}}",
  "{ports: [{port: 80, mtls: Permissive}, {port: 81, defaultAction: Allow, mtls: Strict}]}",
];
for (const spec of goodMesh) {
  test(`the mesh policy ${spec} is sound`, () => {
    assert.deepEqual(parseManifests(meshPolicy(spec), "p.yaml").problems, []);
  });
}

const badMesh: Readonly<Record<string, string>> = {
  "{}": "spec: needs mtls, defaultAction or ports",
  "{selector: {matchLabels: {app: web}}}": "spec: needs mtls, defaultAction or ports",
  "{mtls: strict}":
    'spec.mtls: expected Permissive or Strict, got the string "strict" (did you mean Strict?)',
  "{mtls: Strict, ports: [{port: 80}]}": "spec.ports[0]: needs mtls or defaultAction",
  "{ports: [{port: 80, mtls: Strict}, {port: 80, mtls: Permissive}]}":
    "spec.ports[1]: a second entry for port 80",
  "{mode: Strict}": 'spec: unknown field "mode" (known are selector, mtls, defaultAction, ports)',
};
for (const [spec, reason] of Object.entries(badMesh)) {
  test(`the mesh policy ${spec} is refused`, () => {
    const { objects, problems } = parseManifests(meshPolicy(spec), "p.yaml");
    assert.deepEqual(objects, []);
    const [first] = problems.map((problem) => formatProblem(problem));
    assert.ok(
      first?.startsWith(`p.yaml:4: MeshPolicy "p": ${reason}`) === true,
      first ?? "no problem",
    );
  });
}

test("a policy of more rules than the API server takes is refused", () => {
  const rules = Array.from({ length: 65 }, () => "{}").join(", ");
  const { problems } = parseManifests(policy(`{action: Deny, rules: [${rules}]}`), "p.yaml");
  assert.match(problems[0]?.reason ?? "", /spec\.rules: has 65 items, and at most 64 are taken/);
});
