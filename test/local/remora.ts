/** The command line under test, with a state directory of the test's own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PodReport } from "../../src/local/api/messages.ts";
import { detectPrivileges } from "../../src/local/sandbox/privileges.ts";
import { type Program, runProgram, startProgram } from "../apps/program.ts";

export interface Outcome {
  readonly code: number;
  readonly text: string;
}

export interface Remora extends AsyncDisposable {
  /** The name of the mesh; given to every command. */
  readonly name: string;
  readonly stateDirectory: string;
  run(...args: string[]): Promise<Outcome>;
  /** The same with something on standard input. */
  feed(input: string, ...args: string[]): Promise<Outcome>;
  /** Starts a command and leaves it running. */
  start(...args: string[]): Promise<Program>;
  /** Runs a command that must succeed. */
  succeed(...args: string[]): Promise<string>;
  pods(...args: string[]): Promise<readonly PodReport[]>;
  /** The pod whose name is this, or starts with it and a dash. */
  pod(name: string): Promise<PodReport>;
}

/** Options for tests that make pods: skipped, with the reason, where that is not possible. */
export function needsPods(): { readonly skip?: string } {
  const privileges = detectPrivileges();
  return privileges.kind === "insufficient" ? { skip: privileges.reason } : {};
}

/** Disposing of it ends the mesh, whatever state it is in. */
export function createRemora(purpose: string): Remora {
  // At most eight letters, so that the interface on the host bears the name.
  const name = `${purpose.slice(0, 3)}-${process.pid % 10_000}`;
  const stateDirectory = mkdtempSync(join(tmpdir(), "remora-test-"));
  const command = [process.execPath, resolve("src/bin/remora.ts")];
  const env = { REMORA_STATE_DIRECTORY: stateDirectory, NO_COLOR: "1" };
  // Before `--`, since everything behind it belongs to the command that exec runs.
  const line = (args: readonly string[]): string[] => {
    if (args[0] === "help") return [...command, ...args];
    const end = args.includes("--") ? args.indexOf("--") : args.length;
    return [...command, ...args.slice(0, end), "--name", name, ...args.slice(end)];
  };
  const run = (...args: string[]): Promise<Outcome> => runProgram(line(args), { env }, 90_000);
  const succeed = async (...args: string[]): Promise<string> => {
    const { code, text } = await run(...args);
    assert.equal(code, 0, `remora ${args.join(" ")} ended with ${code}:\n${text}`);
    return text;
  };
  const pods = async (...args: string[]): Promise<readonly PodReport[]> =>
    JSON.parse(await succeed("ps", "--output", "json", ...args)) as readonly PodReport[];
  return {
    name,
    stateDirectory,
    run,
    feed: (input, ...args) => runProgram(line(args), { env, input }, 90_000),
    start: (...args) => startProgram(line(args), { env }),
    succeed,
    pods,
    async pod(wanted) {
      const found = (await pods()).find(
        (pod) => pod.name === wanted || pod.name.startsWith(`${wanted}-`),
      );
      return found ?? assert.fail(`there is no pod ${wanted}`);
    },
    async [Symbol.asyncDispose]() {
      await run("down");
      rmSync(stateDirectory, { recursive: true, force: true });
    },
  };
}

/** Asks until the answer is true; fails with the last answer's words when it never is. */
export async function eventually(
  condition: () => Promise<boolean | string>,
  timeoutMillis = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMillis;
  for (;;) {
    const answer = await condition();
    if (answer === true) return;
    if (performance.now() > deadline) assert.fail(`not within ${timeoutMillis} ms: ${answer}`);
    await delay(50);
  }
}

/** The interface of a mesh on the host, as long as there is one. */
export function hasInterface(part: string): boolean {
  return spawnSync("ip", ["-o", "link"], { encoding: "utf8" }).stdout.includes(part);
}
