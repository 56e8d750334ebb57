import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings } from "./config-table.ts";
import { type Program, type ProgramHost, runProgram } from "./program.ts";

const table = {
  NAME: { doc: "a name", fallback: undefined, parse: (text: string) => text },
  PORT: {
    doc: "a port",
    fallback: "x",
    parse: (): never => {
      throw new Error("no port");
    },
  },
};

interface FakeHost extends ProgramHost {
  readonly exits: number[];
  readonly errors: string[];
  /** Resolves when the program has exited. */
  send(signal: "SIGTERM" | "SIGINT"): Promise<number>;
}

function createHost(): FakeHost {
  const listeners = new Map<string, (signal: string) => void>();
  const exits: number[] = [];
  const errors: string[] = [];
  const { promise, resolve } = Promise.withResolvers<number>();
  return {
    env: {},
    exits,
    errors,
    stderr: { write: (text) => errors.push(text) },
    once: (event: string, listener: (event: string) => void) => listeners.set(event, listener),
    exit(code) {
      exits.push(code);
      resolve(code);
    },
    send(signal) {
      listeners.get(signal)?.(signal);
      return promise;
    },
  };
}

function programOf(start: Program<object>["start"]): Program<object> {
  return { name: "test", readConfig: () => ({}), logLevelOf: () => "silent", start };
}

test("every setting that is wrong is named, and the exit code is 64", async () => {
  const host = createHost();
  const start = (): never => assert.fail("it started");
  await runProgram(host, { ...programOf(start), readConfig: (env) => readSettings(table, env) });
  assert.deepEqual(host.exits, [64]);
  assert.deepEqual(host.errors, ['test: NAME is not set: a name\ntest: PORT="x": no port\n']);
});

test("a signal ends the program in order, and a second one changes nothing", async () => {
  const host = createHost();
  let closed = 0;
  await runProgram(
    host,
    programOf(async (_config, _log, closeWith) => {
      closeWith(async () => void closed++);
      return {};
    }),
  );
  void host.send("SIGINT");
  assert.equal(await host.send("SIGTERM"), 0);
  assert.deepEqual([closed, host.exits], [1, [0]]);
});

test("a signal ends a program that still waits for what it needs", async () => {
  const host = createHost();
  const { promise, reject } = Promise.withResolvers<object>();
  const running = runProgram(
    host,
    programOf(() => promise),
  );
  assert.equal(await host.send("SIGTERM"), 0);
  reject(new Error("torn down"));
  await running;
  assert.deepEqual(host.exits, [0]);
});

test("a program that cannot start, or cannot end, exits with 1", async () => {
  const broken = createHost();
  await runProgram(
    broken,
    programOf(() => Promise.reject(new Error("no port"))),
  );
  assert.deepEqual(broken.exits, [1]);
  const stuck = createHost();
  await runProgram(
    stuck,
    programOf(async (_config, _log, closeWith) => {
      closeWith(() => Promise.reject(new Error("stuck")));
      return {};
    }),
  );
  assert.equal(await stuck.send("SIGTERM"), 1);
});
