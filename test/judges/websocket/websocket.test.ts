import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../apps/free-ports.ts";
import { runProgram, startProgram } from "../../apps/program.ts";
import { needs, startMesh } from "../../mesh/mesh.ts";
import { findPython, installKosoku, kosokuCommand, noPip, readIndex } from "./kosoku.ts";

const python = findPython();
const options = python === undefined ? { skip: noPip } : needs();
const minutes = 60_000;

test("every WebSocket case ends between two pods as it ends directly", options, async () => {
  assert.ok(python);
  const folder = await installKosoku(python);
  const direct = await runDirectly(python, folder);
  assert.ok(Object.keys(direct).length >= 300);
  // What the echo itself gets wrong is no matter here, but an echo that is broken would prove nothing.
  assert.deepEqual(
    Object.entries(direct).filter(([, verdict]) => verdict.startsWith("FAILED")),
    [],
  );
  assert.deepEqual(await runBetweenPods(python, folder), direct);
});

type Verdicts = Readonly<Record<string, string>>;

async function runDirectly(python: string, folder: string): Promise<Verdicts> {
  const [port] = await freePorts(1);
  await using echo = await startProgram([
    process.execPath,
    "test/judges/websocket/echo.ts",
    `${port}`,
  ]);
  await echo.output(/listening/);
  const command = kosokuCommand(python, folder, `127.0.0.1:${port}`);
  const { text } = await runProgram(["sh", "-c", command], {}, 5 * minutes);
  return readIndex(text);
}

async function runBetweenPods(python: string, folder: string): Promise<Verdicts> {
  const manifests = mkdtempSync(join(tmpdir(), "remora-websocket-"));
  try {
    const file = join(manifests, "websocket.yaml");
    writeFileSync(file, pods);
    const name = relative("test/mesh/manifests", file);
    await using mesh = await startMesh("websocket", [name], { namespace: "websocket" });
    const command = kosokuCommand(python, folder, "echo:9001");
    const shell = ["sh", "-c", command];
    const { text } = await mesh.exec("deploy/client", shell, { timeoutMillis: 5 * minutes });
    return readIndex(text);
  } finally {
    rmSync(manifests, { recursive: true, force: true });
  }
}

const pods = `
apiVersion: v1
kind: Namespace
metadata: { name: websocket, labels: { remora.dev/inject: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: websocket }
spec:
  selector: { app: echo }
  ports: [{ name: http, port: 9001 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: echo, namespace: websocket }
spec:
  selector: { matchLabels: { app: echo } }
  template:
    metadata: { labels: { app: echo } }
    spec:
      containers:
        - name: echo
          command: ["node", "test/judges/websocket/echo.ts", "9001"]
          readinessProbe: { tcpSocket: { port: 9001 }, periodSeconds: 1 }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: client, namespace: websocket }
spec:
  selector: { matchLabels: { app: client } }
  template:
    metadata: { labels: { app: client } }
    spec:
      containers:
        - name: client
          command: ["sleep", "infinity"]
`;
