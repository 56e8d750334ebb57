/** `remora up --detach`: starts the mesh as a program of its own, and waits until it is up. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { socketName } from "../local/api/server.ts";
import { findMeshOwner } from "../local/sandbox/state.ts";
import { UserError } from "../local/user-error.ts";
import { connectMesh } from "./mesh-client.ts";
import { formatNotReady } from "./not-ready.ts";
import type { UpConfig } from "./up-config.ts";

/** A twentieth of what a mesh needs to start. */
const pollPeriod = 20;

/** Gives 0 when every pod is ready in time, else 1; the mesh then goes on, so that it can be looked at. */
export async function upDetached(config: UpConfig): Promise<number> {
  const begin = performance.now();
  if (findMeshOwner(config.stateRoot, config.name) !== undefined) {
    throw new UserError(
      `a mesh named ${config.name} runs already`,
      `end it with: remora down --name ${config.name}, or choose another --name`,
    );
  }
  const child = startSupervisor(config);
  // Read from the start: what nobody reads is thrown away when the program ends.
  const words: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => words.push(chunk));
  const closed = once(child, "close");
  if (!(await isServing(config, child))) {
    await closed;
    process.stderr.write(Buffer.concat(words));
    return child.exitCode === null || child.exitCode === 0 ? 1 : child.exitCode;
  }
  const mesh = connectMesh(config.stateRoot, config.name);
  const left = Math.max(0, config.timeout - (performance.now() - begin));
  const result = await mesh.ready(Math.round(left));
  process.stderr.write(Buffer.concat(words));
  release(child);
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
  if (result.notReady.length === 0) {
    process.stdout.write(
      `mesh ${config.name} is up: ${result.pods} pods ready after ${seconds} s; see remora ps, end it with remora down\n`,
    );
    return 0;
  }
  process.stderr.write(
    `remora: mesh ${config.name} is not ready after ${seconds} s:\n${formatNotReady(result)}` +
      `it goes on: look with remora ps and remora logs, end it with remora down --name ${config.name}\n`,
  );
  return 1;
}

function startSupervisor(config: UpConfig): ChildProcess {
  const files = config.paths.flatMap((path) => ["-f", path]);
  const args = ["up", "--supervise", "--name", config.name, ...files];
  if (!config.watch) args.push("--no-watch");
  const program = process.argv[1] ?? "";
  return spawn(process.execPath, [...process.execArgv, program, ...args], {
    detached: true,
    cwd: config.workingDir,
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** False when the program ended before it served. */
async function isServing(config: UpConfig, child: ChildProcess): Promise<boolean> {
  const socket = join(config.stateRoot, config.name, socketName);
  while (child.exitCode === null && child.signalCode === null) {
    if (existsSync(socket) && findMeshOwner(config.stateRoot, config.name) !== undefined)
      return true;
    await delay(pollPeriod);
  }
  return false;
}

/** The program lives on by itself. */
function release(child: ChildProcess): void {
  child.stderr?.destroy();
  child.unref();
}
