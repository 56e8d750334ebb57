/** `mesh-owner.ts STATE-ROOT MESH`: holds a mesh with a container that has a stubborn child, prints pids, and waits. */
import { readFileSync } from "node:fs";
import { createMeshNetwork } from "../../src/local/sandbox/network.ts";
import { openMeshState } from "../../src/local/sandbox/state.ts";
import { eventually, start } from "./pods.ts";

const [root = "", mesh = ""] = process.argv.slice(2);
const state = await openMeshState(root, mesh);
const network = createMeshNetwork({ mesh });
const container = start({
  command: ["sh", "-c", "setsid sleep 600 & exec sleep 600"],
  network: network.addPod(),
});
state.recordProcess(container.pid);
await container.started;
const children = () =>
  readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").trim();
await eventually("the container has a child", () => children() !== "");
const pids = [container.pid, Number(children())];
process.stdout.write(`${JSON.stringify({ pids, link: network.hostInterface })}\n`);
process.on("SIGTERM", () => {
  container.kill("SIGKILL");
  void container.exited.then(() => {
    network.close();
    state.close();
  });
});
