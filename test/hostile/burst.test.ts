/** Ten thousand clients in the same moment: more than the sidecar's heap holds, so it must refuse before they fill it. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { sidecarNodeFlags } from "../../src/core/node-runtime.ts";
import { freePorts } from "../apps/free-ports.ts";
import { startProgram } from "../apps/program.ts";
import { eventually } from "../control/eventually.ts";

const clients = 10_000;
const podIp = "127.0.1.24";
const appIp = "127.0.1.25";
const request = "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n";

test("a burst of ten thousand clients leaves the sidecar alive, and some are served", async () => {
  const [port = 0] = await freePorts(1);
  const folder = "test/hostile/burst";
  await using app = await startProgram([process.execPath, `${folder}/app.ts`, appIp, `${port}`]);
  await app.output(/ready/);
  const flags = ["--experimental-ffi", ...sidecarNodeFlags()];
  const command = [process.execPath, ...flags, `${folder}/pod.ts`, podIp, appIp, `${port}`];
  await using pod = await startProgram(command);
  await pod.output(/ready/);

  const served = { count: 0 };
  const sockets = Array.from({ length: clients }, () => dial(served));
  // Each is served and stays, or is refused.
  await eventually("every client knows", () => sockets.every(isSettled), 60_000);
  assert.ok(served.count > 500, `${served.count} served`);
  assert.ok(
    sockets.some((socket) => socket.destroyed),
    "nobody was refused, so nothing was tried",
  );
  for (const socket of sockets) socket.destroy();
  await eventually("a client is served again", askOnce, 20_000);
});

function dial(served: { count: number }): Socket {
  const socket = connect(15_001, podIp);
  socket.on("error", () => {});
  socket.once("data", () => (served.count += 1));
  socket.write(request);
  return socket;
}

function isSettled(socket: Socket): boolean {
  return socket.destroyed || socket.bytesRead > 0;
}

async function askOnce(): Promise<boolean> {
  const socket = connect(15_001, podIp);
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.end(request);
  let text = "";
  socket.on("data", (chunk) => void (text += chunk.toString()));
  await closed;
  return text.startsWith("HTTP/1.1 200 ");
}
