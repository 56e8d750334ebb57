import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { needs, startMesh } from "../mesh/mesh.ts";
import { buildGoJudge, findGo, noGo } from "../support/go-judge.ts";

const options = findGo() === undefined ? { skip: noGo } : needs();

test("every strict case of h2spec passes against the captured side of a pod", options, async () => {
  const judge = await buildGoJudge(join(import.meta.dirname, "h2spec"), [
    "github.com/summerwind/h2spec/cmd/h2spec",
  ]);
  const manifests = mkdtempSync(join(tmpdir(), "remora-h2spec-"));
  try {
    const file = join(manifests, "h2spec.yaml");
    writeFileSync(file, pods);
    const name = relative("test/mesh/manifests", file);
    await using mesh = await startMesh("h2spec", [name], { namespace: "h2spec" });
    const command = [`${judge}/h2spec`, "-h", "backend", "-p", "8080", "-o", "1", "--strict"];
    const { text } = await mesh.exec("deploy/client", command, { timeoutMillis: 300_000 });
    const [, total, passed] = /(\d+) tests, (\d+) passed/.exec(text) ?? [];
    const failures = text.slice(Math.max(0, text.indexOf("Failures:")));
    assert.equal(`${passed} of ${total}`, "146 of 146", failures);
  } finally {
    rmSync(manifests, { recursive: true, force: true });
  }
});

const pods = `
apiVersion: v1
kind: Namespace
metadata: { name: h2spec, labels: { remora.dev/inject: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: backend, namespace: h2spec }
spec:
  selector: { app: backend }
  ports: [{ name: web, port: 8080, appProtocol: kubernetes.io/h2c }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: backend, namespace: h2spec }
spec:
  selector: { matchLabels: { app: backend } }
  template:
    metadata: { labels: { app: backend } }
    spec:
      containers:
        - name: backend
          command: ["node", "test/judges/h2spec-backend.ts", "8080"]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: client, namespace: h2spec }
spec:
  selector: { matchLabels: { app: client } }
  template:
    metadata: { labels: { app: client } }
    spec:
      containers:
        - name: client
          command: ["sleep", "infinity"]
`;
