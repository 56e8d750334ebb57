import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { hasInterface } from "../../src/local/sandbox/ip-command.ts";
import {
  findMeshOwner,
  listMeshes,
  markProcess,
  openMeshState,
  removeLeftovers,
} from "../../src/local/sandbox/state.ts";
import { eventually, node, project, skip } from "./pods.ts";

interface Owner {
  readonly process: ChildProcess;
  readonly root: string;
  readonly pids: readonly number[];
  readonly link: string;
}

const mesh = `own${process.pid % 10_000}`;

function stateDirectory(context: TestContext): string {
  const root = mkdtempSync("/tmp/remora-state-");
  context.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

async function startOwner(context: TestContext): Promise<Owner> {
  const root = stateDirectory(context);
  const [program = "", ...args] = node(join(project, "test/sandbox/mesh-owner.ts"), root, mesh);
  const process = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => void process.kill("SIGKILL"));
  const [line] = (await once(process.stdout, "data")) as [Buffer];
  return { process, root, ...(JSON.parse(line.toString()) as Pick<Owner, "pids" | "link">) };
}

async function assertGone(owner: Owner): Promise<void> {
  await eventually("the containers are gone", () =>
    owner.pids.every((pid) => markProcess(pid) === undefined),
  );
  await eventually("the link is gone", () => !hasInterface(owner.link));
}

suite("a mesh that ends", { skip }, () => {
  test("in order leaves no process, link or file", async (context) => {
    const owner = await startOwner(context);
    assert.ok(hasInterface(owner.link));
    owner.process.kill("SIGTERM");
    assert.deepEqual(await once(owner.process, "exit"), [0, null]);
    await assertGone(owner);
    assert.deepEqual(listMeshes(owner.root), []);
  });

  test("by kill -9 takes its containers, their children and its link along", async (context) => {
    const owner = await startOwner(context);
    assert.equal(findMeshOwner(owner.root, mesh)?.pid, owner.process.pid);
    owner.process.kill("SIGKILL");
    await once(owner.process, "exit");
    await assertGone(owner);
    assert.equal(findMeshOwner(owner.root, mesh), undefined);
    assert.deepEqual(listMeshes(owner.root), [mesh]);
    await removeLeftovers(owner.root, mesh);
    assert.deepEqual(listMeshes(owner.root), []);
  });
});

test("a name is held by one process at a time", async (context) => {
  const root = stateDirectory(context);
  const state = await openMeshState(root, "one");
  await assert.rejects(openMeshState(root, "one"), /a mesh named one runs already/);
  await removeLeftovers(root, "one");
  assert.ok(existsSync(state.directory), "a live mesh is not a leftover");
  state.close();
  (await openMeshState(root, "one")).close();
});

test("a process that outlived its mesh is ended, another one with its number is not", async (context) => {
  const root = stateDirectory(context);
  const state = await openMeshState(root, "one");
  const [left, other] = [0, 1].map(() => spawn("sleep", ["600"]));
  assert.ok(left?.pid !== undefined && other?.pid !== undefined);
  context.after(() => void other.kill("SIGKILL"));
  state.recordProcess(left.pid);
  state.recordProcess(other.pid);
  state.forgetProcess(other.pid);
  // As if the owner had been killed.
  rmSync(join(state.directory, "owner"));
  const ended = once(left, "exit");
  await removeLeftovers(root, "one");
  assert.equal((await ended)[1], "SIGKILL");
  assert.equal(other.exitCode, null);
  assert.ok(markProcess(other.pid));
});

test("a name that could leave the directory is refused", async (context) => {
  const root = stateDirectory(context);
  for (const name of ["", "..", "a/b", "A", "-a"]) {
    await assert.rejects(openMeshState(root, name), /cannot name a mesh/);
  }
});
