import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "../src/api/kubernetes.ts";
import { isForWindows } from "./windows.ts";

const wants = (operator: string, ...values: string[]) => ({
  matchExpressions: [{ key: "kubernetes.io/os", operator, values }],
});
const required = (...nodeSelectorTerms: unknown[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  },
});
const zone = { matchExpressions: [{ key: "zone", operator: "In", values: ["windows"] }] };
const ask = (spec: Partial<PodSpec>): boolean =>
  isForWindows({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [], ...spec },
  });

const forWindows: Readonly<Record<string, Partial<PodSpec>>> = {
  "its own system": { os: { name: "windows" } },
  "a node selector": { nodeSelector: { "kubernetes.io/os": "windows" } },
  "an affinity": required(wants("In", "windows")),
  "an affinity to whatever is not Linux": required(wants("NotIn", "linux")),
  "an affinity with more conditions": required({
    matchExpressions: [...zone.matchExpressions, ...wants("In", "windows").matchExpressions],
  }),
  "several terms that all say so": required(wants("In", "windows"), wants("NotIn", "linux", "x")),
};
for (const [what, spec] of Object.entries(forWindows)) {
  test(`a pod is for Windows by ${what}`, () => assert.equal(ask(spec), true));
}

const mayBeLinux: Readonly<Record<string, Partial<PodSpec>>> = {
  nothing: {},
  "a choice of both": required(wants("In", "windows", "linux")),
  "another term": required(wants("In", "windows"), zone),
  "a term without conditions": required({}),
  "no terms": required(),
  "another label": required(zone),
  "the absence of Windows": required(wants("NotIn", "windows")),
  "a label that is only to exist": required(wants("Exists")),
  "a preference": { affinity: { nodeAffinity: { preferred: [wants("In", "windows")] } } },
  "an affinity of no known shape": { affinity: ["nodeAffinity", null] },
};
for (const [what, spec] of Object.entries(mayBeLinux)) {
  test(`a pod may run on Linux with ${what}`, () => assert.equal(ask(spec), false));
}
