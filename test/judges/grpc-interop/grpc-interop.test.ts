import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePorts } from "../../apps/free-ports.ts";
import { type Program, runProgram, startProgram } from "../../apps/program.ts";
import { type Mesh, needs, startMesh, until } from "../../mesh/mesh.ts";
import { buildGoJudge, findGo, noGo } from "../../support/go-judge.ts";

/** The cases of the gRPC project's interoperability suite that need no cloud credentials. */
const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak",
] as const;

/** How often each case runs through the mesh; a nightly run sets a larger number. */
const loops = Number(process.env["INTEROP_LOOPS"] ?? 20);
const packages = ["google.golang.org/grpc/interop/client", "google.golang.org/grpc/interop/server"];

describe("gRPC interoperability", { skip: findGo() === undefined ? noGo : false }, () => {
  let folder: string;
  before(async () => {
    folder = await buildGoJudge(import.meta.dirname, packages);
  });

  describe("directly", () => {
    let server: Program;
    let port: number;
    before(async () => {
      [port = 0] = await freePorts(1);
      server = await startProgram([`${folder}/server`, "-port", String(port)]);
      // It says nothing when it listens.
      await until(10_000, () => accepts(port));
    });
    after(() => server[Symbol.asyncDispose]());

    for (const name of cases) {
      test(`${name} passes`, async () => {
        const client = [`${folder}/client`, "-server_host", "localhost"];
        const { code, text } = await runProgram([
          ...client,
          "-server_port",
          String(port),
          "-test_case",
          name,
        ]);
        assert.equal(code, 0, text);
      });
    }
  });

  describe("between two captured pods", needs(), () => {
    let mesh: Mesh;
    let manifests: string;
    before(async () => {
      manifests = mkdtempSync(join(tmpdir(), "remora-interop-"));
      const file = join(manifests, "interop.yaml");
      writeFileSync(file, pods(`${folder}/server`));
      const options = { namespace: "interop" };
      mesh = await startMesh("interop", [relative("test/mesh/manifests", file)], options);
    });
    after(async () => {
      await mesh?.[Symbol.asyncDispose]();
      rmSync(manifests, { recursive: true, force: true });
    });

    for (const name of cases) {
      test(`${name} passes ${loops} times`, async () => {
        const client = `${folder}/client -server_host interop -server_port 10000 -test_case ${name}`;
        const loop = `for i in $(seq ${loops}); do ${client} || exit 1; done`;
        const { code, text } = await mesh.exec("deploy/client", ["sh", "-c", loop]);
        assert.equal(code, 0, text);
      });
    }
  });
});

async function accepts(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
}

/** A port that says nothing: that it speaks HTTP/2 has to be found out. */
function pods(server: string): string {
  return `
apiVersion: v1
kind: Namespace
metadata: { name: interop, labels: { remora.dev/inject: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: interop, namespace: interop }
spec:
  selector: { app: interop }
  ports: [{ port: 10000 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: interop, namespace: interop }
spec:
  selector: { matchLabels: { app: interop } }
  template:
    metadata: { labels: { app: interop } }
    spec:
      containers:
        - name: server
          command: ["${server}", "-port", "10000"]
          readinessProbe: { tcpSocket: { port: 10000 }, periodSeconds: 1 }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: client, namespace: interop }
spec:
  selector: { matchLabels: { app: client } }
  template:
    metadata: { labels: { app: client } }
    spec:
      containers:
        - name: client
          command: ["sleep", "infinity"]
`;
}
