import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createRemora, eventually, hasInterface, needsPods, type Remora } from "./remora.ts";

const manifest = "test/local/manifests/two.yaml";

describe("after an end of any kind", needsPods(), () => {
  test("down leaves no process, interface or file", async () => {
    await using remora = createRemora("end");
    await remora.succeed("up", "-f", manifest, "--detach");
    const pids = await listPids(remora);
    assert.equal(hasInterface(`remora-${remora.name}`), true);
    assert.match(await remora.succeed("down"), /is down\n$/);
    assert.deepEqual(pids.filter(isRunning), []);
    assert.equal(hasInterface(`remora-${remora.name}`), false);
    assert.deepEqual(readdirSync(remora.stateDirectory), []);
  });

  test("a killed mesh takes its processes along, and the next start cleans up", async () => {
    await using remora = createRemora("kill");
    await remora.succeed("up", "-f", manifest, "--detach");
    const pids = await listPids(remora);
    process.kill(ownerOf(remora), "SIGKILL");
    await eventually(
      async () => pids.filter(isRunning).length === 0 || pids.filter(isRunning).join(),
    );
    assert.match((await remora.run("ps")).text, /no mesh named kil-\d+ is running/);
    await remora.succeed("up", "-f", manifest, "--detach");
    assert.equal((await remora.pods()).length, 2);
  });

  test("down after a kill removes what is left", async () => {
    await using remora = createRemora("rest");
    await remora.succeed("up", "-f", manifest, "--detach");
    const pids = await listPids(remora);
    process.kill(ownerOf(remora), "SIGKILL");
    await eventually(async () => pids.filter(isRunning).length === 0);
    assert.match(await remora.succeed("down"), /had been killed; what it left is removed/);
    assert.equal(existsSync(join(remora.stateDirectory, remora.name)), false);
    await eventually(async () => !hasInterface(`remora-${remora.name}`));
  });

  test("SIGTERM ends a detached mesh in order", async () => {
    await using remora = createRemora("term");
    await remora.succeed("up", "-f", manifest, "--detach");
    const owner = ownerOf(remora);
    process.kill(owner, "SIGTERM");
    await eventually(async () => !isRunning(owner));
    assert.deepEqual(readdirSync(remora.stateDirectory), []);
  });
});

async function listPids(remora: Remora): Promise<number[]> {
  const pods = await remora.pods("--all");
  return pods.flatMap(({ containers }) =>
    containers.map(({ pid }) => pid ?? assert.fail("no pid")),
  );
}

/** The process that holds the mesh, as its state says. */
function ownerOf(remora: Remora): number {
  const text = readFileSync(join(remora.stateDirectory, remora.name, "owner"), "utf8");
  return Number(text.split("-")[0]);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
