import assert from "node:assert/strict";
import { test } from "node:test";
import { freePorts } from "../../apps/free-ports.ts";
import { runProgram, startProgram } from "../../apps/program.ts";
import { needs } from "../../mesh/mesh.ts";
import { startTwoPods } from "../../mesh/two-pods.ts";
import { tellVerdict } from "../verdict.ts";
import { findPython, installKosoku, kosokuCommand, noPip, readIndex } from "./kosoku.ts";

const python = findPython();
const options = python === undefined ? { skip: noPip } : needs();
const minutes = 60_000;

test("every WebSocket case ends between two pods as it ends directly", options, async (t) => {
  assert.ok(python);
  const folder = await installKosoku(python);
  const direct = await runDirectly(python, folder);
  assert.ok(Object.keys(direct).length >= 300);
  // What the echo itself gets wrong is no matter here, but an echo that is broken would prove nothing.
  assert.deepEqual(
    Object.entries(direct).filter(([, verdict]) => verdict.startsWith("FAILED")),
    [],
  );
  const meshed = await runBetweenPods(python, folder);
  const ids = Object.keys(direct);
  const other = ids.filter((id) => meshed[id] !== direct[id]);
  tellVerdict(t, {
    judge: "kosoku (Autobahn cases)",
    against: "two pods, as directly",
    passed: ids.length - other.length,
    of: ids.length,
    notPassed: other,
  });
  assert.deepEqual(meshed, direct);
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
  await using mesh = await startTwoPods({
    purpose: "websocket",
    service: "echo",
    command: ["node", "test/judges/websocket/echo.ts", "9001"],
    ports: [{ name: "http", port: 9001 }],
  });
  const shell = ["sh", "-c", kosokuCommand(python, folder, "echo:9001")];
  const { text } = await mesh.exec("deploy/client", shell, { timeoutMillis: 5 * minutes });
  return readIndex(text);
}
