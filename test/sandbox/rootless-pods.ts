/** The inner half of rootless-program.ts. With HOLD it prints a pid and waits. */
import { join } from "node:path";
import { createMeshNetwork } from "../../src/local/sandbox/network.ts";
import { startCapture } from "../../src/local/sandbox/packet-capture.ts";
import { markProcess } from "../../src/local/sandbox/state.ts";
import { node, project, run, sawLine, start } from "./pods.ts";

const network = createMeshNetwork({ mesh: "rootless" });
const [server, client] = [network.addPod(), network.addPod()];
const container = start({
  command: node(join(project, "test/capture/answer.ts"), "15001", "80"),
  network: server,
  user: { uid: 15_008, gid: 15_008, groups: [] },
});
await sawLine(container, "listening");
const capture = startCapture(network.bridge);
const ask = node(join(project, "test/capture/ask.ts"), server.ip, "80");
const asked = await run({ command: ask, network: client });
const init = await run({
  command: node(join(project, "src/bin/init.ts")),
  network: client,
  user: { uid: 0, gid: 0, groups: [] },
  capabilities: ["NET_ADMIN", "NET_RAW"],
});
const mounted = await run({
  command: ["cat", "/etc/remora-test/group", "/etc/hosts"],
  mounts: [
    { kind: "bind", source: "/etc/hostname", target: "/etc/remora-test/group", readOnly: true },
    { kind: "bind", source: "/etc/hostname", target: "/etc/hosts", readOnly: true },
  ],
});
if (process.env["HOLD"] !== undefined) {
  process.stdout.write(`${JSON.stringify({ pid: container.pid })}\n`);
  await container.exited;
}
const known = markProcess(container.pid) !== undefined;
container.kill("SIGKILL");
await container.exited;
network.close();
const report = {
  answer: asked.output.trim(),
  init: init.code,
  mounted: mounted.code,
  known,
  crossed: capture.stop().ports.map(({ port, tls }) => ({ port, tls })),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
// Shows that the code of the inner program is passed on.
process.exitCode = 7;
