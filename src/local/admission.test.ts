import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Namespace, Pod, PodSpec } from "../api/kubernetes.ts";
import { type Admission, admitPod, createLocalInjection } from "./admission.ts";

const options = createLocalInjection(
  { root: "/", version: "1", command: (program) => ["node", program] },
  "cluster.local",
);
const app: Container = { name: "web", command: ["web"] };

function admit(labels: Record<string, string>, spec: Partial<PodSpec> = {}, ns = {}): Admission {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop", labels },
    spec: { containers: [app], ...spec },
  };
  const metadata = { name: "shop", labels: ns };
  const namespace: Namespace = { apiVersion: "v1", kind: "Namespace", metadata };
  return admitPod(pod, namespace, options);
}

function problems(admission: Admission): string {
  return admission.kind === "refused" ? admission.problems.join("\n") : "";
}

test("a pod that nobody says anything about is meshed", () => {
  const admission = admit({});
  assert.equal(admission.kind === "admitted" && admission.meshed, true);
});

test("a pod is left alone when its label, or its namespace's, says so", () => {
  const own = admit({ "remora.dev/inject": "disabled" });
  assert.equal(own.kind === "admitted" && own.meshed, false);
  const shared = admit({}, {}, { "remora.dev/inject": "disabled" });
  assert.equal(shared.kind === "admitted" && shared.meshed, false);
});

test("a container without a command is refused with a sentence that says what to write", () => {
  const admission = admit({}, { containers: [{ name: "web", image: "nginx" }] });
  assert.match(
    problems(admission),
    /^pod shop\/web: container "web" has no command; images are not pulled here, so say in "command" which program/,
  );
});

test("a container that must not be root and names no user is refused", () => {
  const securityContext = { runAsNonRoot: true };
  assert.match(problems(admit({}, { securityContext })), /set runAsUser/);
});

test("a refusal of the injector is a refusal here", () => {
  const containers = [{ ...app, securityContext: { runAsUser: 15_008 } }];
  assert.match(problems(admit({}, { containers })), /runs as uid 15008/);
});

test("a pod on the host's network gets no sidecar and a warning", () => {
  const admission = admit({}, { hostNetwork: true });
  assert.equal(admission.kind === "admitted" && admission.meshed, false);
  assert.equal(admission.kind === "admitted" && admission.warnings.length, 1);
});
