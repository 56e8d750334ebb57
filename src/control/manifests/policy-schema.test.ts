import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "./parse.ts";
import { formatProblem } from "./problem.ts";

const policy = (spec: string): string =>
  `apiVersion: policy.remora.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: ${spec}\n`;

const good: readonly string[] = [
  "{action: Allow}",
  "{action: Deny, rules: [{}], audit: true}",
  "{action: Allow, selector: {matchLabels: {app: web}}, rules: [{to: {ports: [80]}}]}",
  "{action: Allow, rules: [{from: {principals: ['*', 'spiffe://cluster.local/ns/a/sa/b', 'cluster.local/ns/a/*', '*/sa/b']}}]}",
  "{action: Allow, rules: [{from: {namespaces: [a, 'a*', '*a', '*'], notNamespaces: [b]}}]}",
  "{action: Allow, rules: [{from: {serviceAccounts: [a, b/c], notServiceAccounts: [d]}}]}",
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
  "{action: Allow, rules: [{to: {ports: [0]}}]}":
    "spec.rules[0].to.ports[0]: expected a whole number from 1 to 65535, got the number 0",
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
