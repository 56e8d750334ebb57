import assert from "node:assert/strict";
import { test } from "node:test";
import { type PolicyKind, readPolicy } from "./policy-record.ts";

const read = (kind: PolicyKind, spec: unknown) =>
  readPolicy(kind, { metadata: { name: "p", namespace: "shop" }, spec });
const web = { matchLabels: { app: "web" } };
const sound = { from: { namespaces: ["shop"] } };
const unsound = { to: { paths: ["/%61"] } };

interface Case {
  readonly name: string;
  readonly spec: unknown;
  readonly closed: unknown;
  readonly kind?: PolicyKind;
}

const cases: readonly Case[] = [
  {
    name: "a Deny policy with a rule that cannot be read denies everything to the pods that it selects",
    spec: { selector: web, action: "Deny", rules: [sound, unsound] },
    closed: { selector: web, action: "Deny", rules: [{}] },
  },
  {
    name: "of an Allow policy only the rules that can be read permit",
    spec: { selector: web, action: "Allow", rules: [unsound, sound] },
    closed: { selector: web, action: "Allow", rules: [sound] },
  },
  {
    name: "an Allow policy with a field that is not known beside its rules permits nothing",
    spec: { action: "Allow", rules: [sound], when: "later" },
    closed: { action: "Allow", rules: [] },
  },
  {
    name: "an Allow policy with too many rules permits nothing",
    spec: { action: "Allow", rules: Array.from({ length: 65 }, () => sound) },
    closed: { action: "Allow", rules: [] },
  },
  {
    name: "an action that cannot be read denies everything",
    spec: { selector: web, action: "Refuse", rules: [sound] },
    closed: { selector: web, action: "Deny", rules: [{}] },
  },
  {
    name: "a selector that cannot be read selects every pod, and what it was to permit is permitted to none",
    spec: { selector: { matchLabels: {}, matchExpressions: [] }, action: "Allow", rules: [sound] },
    closed: { action: "Allow", rules: [] },
  },
  {
    name: "a policy that is audited refuses nobody, broken or not",
    spec: { action: "Deny", audit: true, rules: [unsound] },
    closed: { action: "Deny", audit: true, rules: [{}] },
  },
  {
    name: "an audit that is neither true nor false is none",
    spec: { action: "Deny", audit: "yes", rules: [sound] },
    closed: { action: "Deny", rules: [{}] },
  },
  {
    name: "a policy without a spec denies everything",
    spec: undefined,
    closed: { action: "Deny", rules: [{}] },
  },
  {
    name: "a MeshPolicy that cannot be read is strict, and denies by default",
    kind: "MeshPolicy",
    spec: { selector: web, mtls: "Permissive", ports: [{ port: 0, mtls: "Permissive" }] },
    closed: { selector: web, mtls: "Strict", defaultAction: "Deny" },
  },
];

for (const { name, kind = "AuthorizationPolicy", spec, closed } of cases) {
  test(name, () => {
    const record = read(kind, spec);
    assert.deepEqual(record.policy.spec, closed);
    assert.ok(record.problems.length > 0);
    assert.match(record.consequence, /^Until it is mended /);
    // What closes is itself a policy.
    assert.deepEqual(read(kind, record.policy.spec).problems, []);
  });
}

test("a policy that can be read is in force as it is written", () => {
  const spec = { selector: web, action: "Allow", rules: [sound] };
  const { policy, problems, consequence } = read("AuthorizationPolicy", spec);
  assert.deepEqual([policy.spec, problems, consequence], [spec, [], ""]);
});
