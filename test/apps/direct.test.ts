/** The programs that the mesh is tested with, without a mesh: what fails here is no fault of the mesh. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { freePorts } from "./free-ports.ts";
import { patternDigest } from "./pattern.ts";
import { type Program, runProgram, startProgram } from "./program.ts";

const python = "/usr/bin/python3";
const grpcio = existsSync(python) && (await runProgram([python, "-c", "import grpc"])).code === 0;
const needsGrpcio = grpcio ? {} : { skip: "Debian's python3-grpcio is not installed" };

function startApp(name: string, port: number): Promise<Program> {
  const path = `test/apps/${name}`;
  const runtime = name.endsWith(".py") ? python : process.execPath;
  return startProgram([runtime, path], { env: { PORT: String(port) } });
}

async function ask(name: string, ...args: (string | number)[]): Promise<Record<string, unknown>> {
  const runtime = name.endsWith(".py") ? python : process.execPath;
  const { code, text } = await runProgram([runtime, `test/apps/${name}`, ...args.map(String)]);
  assert.equal(code, 0, text);
  return JSON.parse(text) as Record<string, unknown>;
}

test("grpc-js and grpcio answer each other's questions", needsGrpcio, async () => {
  const [js = 0, py = 0] = await freePorts(2);
  await using jsServer = await startApp("grpc-server.ts", js);
  await using pyServer = await startApp("grpc_server.py", py);
  await Promise.all([jsServer.output(/listens/), pyServer.output(/listens/)]);
  for (const port of [js, py]) {
    for (const client of ["grpc-client.ts", "grpc_client.py"]) {
      const answers = await ask(client, `127.0.0.1:${port}`);
      assert.deepEqual(new Set(Object.values(answers)), new Set(["ok"]), JSON.stringify(answers));
    }
  }
});

test("the TCP programs understand each other", async () => {
  // The server takes five ports in a row; the range below 30000 is not used for outgoing connections.
  const base = 20_000 + (process.pid % 1_000) * 5;
  await using server = await startApp("tcp-server.ts", base);
  await server.output(new RegExp(`listens on ${base + 4}`));
  const host = "127.0.0.1";
  assert.deepEqual(await ask("tcp-client.ts", "echo", host, base), {
    length: 1_000_003,
    same: true,
  });
  assert.equal((await ask("tcp-client.ts", "greet", host, base + 1))["greeting"], "220 ready\n");
  const upload = await ask("tcp-client.ts", "upload", host, base + 2, 3_000_000);
  assert.deepEqual(upload, { length: 3_000_000, same: true });
  const download = await ask("tcp-client.ts", "download", host, base + 3, 3_000_000, 1_000_000, 5);
  assert.deepEqual(download, { length: 3_000_000, same: true });
  assert.equal((await ask("tcp-client.ts", "end", host, base + 4, "x"))["ended"], "ECONNRESET");
});

test("the HTTP server has the habits that it names", async () => {
  const [port = 0] = await freePorts(1);
  await using server = await startApp("http1-server.ts", port);
  await server.output(/listens/);
  const url = `http://127.0.0.1:${port}`;
  const bytes = new Uint8Array(await (await fetch(`${url}/length/100000`)).arrayBuffer());
  const digest = await fetch(`${url}/digest`, { method: "POST", body: bytes });
  assert.deepEqual(await digest.json(), {
    length: 100_000,
    sha256: patternDigest(100_000),
    trailers: {},
  });
  await assert.rejects(async () => (await fetch(`${url}/cut/1000`)).text());
  assert.equal((await fetch(`${url}/status/418`)).status, 418);
});
