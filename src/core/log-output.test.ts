import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createEventLog, createLog } from "./log.ts";
import { type LogOutput, openLogOutput } from "./log-output.ts";

interface LogFile extends Disposable {
  readonly output: LogOutput;
  lines(): string[];
}

function openFile(): LogFile {
  const folder = mkdtempSync(join(tmpdir(), "remora-log-"));
  const path = join(folder, "log");
  const fd = openSync(path, "a");
  return {
    output: openLogOutput(fd),
    lines: () => readFileSync(path, "utf8").split("\n").slice(0, -1),
    [Symbol.dispose]() {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    },
  };
}

test("lines that are gathered are written together when the turn ends", async () => {
  using file = openFile();
  for (const line of ["a", "b", "c"]) file.output.gather(`${line}\n`);
  assert.deepEqual(file.lines(), []);
  await setImmediate();
  assert.deepEqual(file.lines(), ["a", "b", "c"]);
  file.output.gather("d\n");
  await setImmediate();
  assert.deepEqual(file.lines(), ["a", "b", "c", "d"]);
  assert.equal(file.output.lost, 0);
});

test("a line that is written in place comes after those that were gathered before", () => {
  using file = openFile();
  file.output.gather("a\n");
  file.output.write("b\n");
  assert.deepEqual(file.lines(), ["a", "b"]);
});

test("no more than 64 Ki characters wait for the end of the turn", () => {
  using file = openFile();
  const line = `${"x".repeat(1_023)}\n`;
  for (let count = 0; count < 100; count += 1) file.output.gather(line);
  assert.equal(file.lines().length, 64);
  file.output.flush();
  assert.equal(file.lines().length, 100);
});

test("an event is the line that pino would have written", () => {
  using file = openFile();
  const log = createLog("proxy", "info", file.output);
  const event = { path: '/"\\\u0007ü', error: undefined, status: 200 };
  createEventLog(log, file.output, "access")(event);
  log.info({ access: event }, "access");
  const [gathered = "", written = ""] = file.lines();
  const timeless = (line: string) => line.replace(/"time":"[0-9TZ:.-]+"/, "");
  assert.equal(timeless(gathered), timeless(written));
  assert.match(gathered, /"time":"\d{4}-\d\d-\d\dT/);
});

test("events are left out while the log's level is above info", async () => {
  using file = openFile();
  const log = createLog("proxy", "warn", file.output);
  const tell = createEventLog(log, file.output, "access");
  tell({ path: "/quiet" });
  log.level = "info";
  tell({ path: "/told" });
  log.level = "error";
  tell({ path: "/quiet" });
  await setImmediate();
  assert.deepEqual(
    file.lines().map((line) => (JSON.parse(line) as { access: object }).access),
    [{ path: "/told" }],
  );
});
