/** Manifests: whatever the text, objects and problems with a line, never an exception. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../protocol/fuzz-target.ts";
import { MeshModel } from "../model/mesh-model.ts";
import { byKey } from "../model/object-delta.ts";
import { parseManifests } from "./parse.ts";

const pod = `apiVersion: v1
kind: Pod
metadata: {name: a, labels: &l {app: web}}
spec: {containers: [{name: app, ports: [{containerPort: 80, name: http}]}]}
status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: "True"}]}
`;
const service = `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.1.0.1, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`;
const policy = `---
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: p}
spec: {action: Deny, rules: [{from: {principals: ["*"], addresses: [10.0.0.0/8]}, to: {ports: [1]}}]}
`;

export const target: FuzzTarget = {
  name: "manifests",
  seeds: [pod, service, policy, pod + service + policy].map((text) => Buffer.from(text)),
  run(input) {
    const { objects, problems } = parseManifests(input.toString("utf8"), "f.yaml");
    for (const { line } of problems) assert.ok(line >= 1);
    // Whatever passes the checks can be turned into a mesh.
    const config = { trustDomain: "td", clusterDomain: "c", rootNamespace: "r" };
    new MeshModel(config, "selectors").apply(byKey(objects.map(({ object }) => object)));
  },
};
