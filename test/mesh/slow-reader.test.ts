/** A gigabyte past a reader that hardly reads: everything arrives, and the sidecars stay small. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Mesh, needs, startMesh } from "./mesh.ts";

const client = "deploy/client";
const gigabyte = 1_000_000_000;
/** Well above an idle sidecar's 15 MB with all its buffers full, and a twentieth of what is on its way. */
const memoryBound = 60 * 1024 * 1024;

describe("a slow reader", needs(), () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh("slow-reader", ["apps.yaml"], { namespace: "apps" });
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  test("costs neither sidecar memory nor the other transfer its speed", async () => {
    // Reads 2 MB and then rests for half a second: what comes meanwhile has to wait at the server.
    const slowly = [60_000_000, 2_000_000, 500];
    const slow = mesh.question(client, "tcp-client.ts", "download", "tcp", 7003, ...slowly);
    const fast = mesh.question(client, "tcp-client.ts", "download", "tcp", 7003, gigabyte);
    const memory = await watchMemory(mesh, fast);
    assert.deepEqual(await fast, { length: gigabyte, same: true });
    assert.deepEqual(await slow, { length: 60_000_000, same: true });
    assert.ok(memory.samples > 5, `${memory.samples} samples`);
    assert.ok(memory.peak < memoryBound, `${memory.peak} bytes of private memory`);
  });
});

/** The largest private memory of the two sidecars until the work is done. */
async function watchMemory(
  mesh: Mesh,
  work: Promise<unknown>,
): Promise<{ peak: number; samples: number }> {
  const pods = [await mesh.pod("client"), await mesh.pod("tcp")];
  const pids = pods.map((pod) => pod.containers.find((container) => container.sidecar)?.pid ?? 0);
  const watched = { peak: 0, samples: 0, done: false };
  void work.finally(() => {
    watched.done = true;
  });
  while (!watched.done) {
    for (const pid of pids) watched.peak = Math.max(watched.peak, readPrivateMemory(pid));
    watched.samples += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return watched;
}

function readPrivateMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024;
}
