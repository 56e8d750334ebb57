import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { hasInterface } from "../../src/local/sandbox/ip-command.ts";
import { createMeshNetwork } from "../../src/local/sandbox/network.ts";
import { createTestNetwork, node, project, run, sawLine, skip, start } from "./pods.ts";

const answer = join(project, "test/capture/answer.ts");
const ask = join(project, "test/capture/ask.ts");

function hostLinks(): string {
  return spawnSync("ip", ["-oneline", "link"], { encoding: "utf8" }).stdout;
}

suite("the network of a mesh", { skip }, () => {
  test("two pods reach each other and the host reaches both", async (context) => {
    const network = createTestNetwork(context);
    const [server, client] = [network.addPod(), network.addPod()];
    const container = start({ command: node(answer, "", "80"), network: server });
    await sawLine(container, "listening");
    for (const [pod, ip] of [
      [client, server.ip],
      [client, server.ip6],
      [undefined, server.ip],
    ] as const) {
      const result = await run({ command: node(ask, ip ?? "", "80"), network: pod });
      assert.equal(result.output, "direct\n", `${ip}`);
    }
    container.kill("SIGKILL");
    await container.exited;
  });

  test("two meshes have different ranges, and each pod its own address", (context) => {
    const [first, second] = [createTestNetwork(context), createTestNetwork(context)];
    assert.notEqual(first.podRange, second.podRange);
    const ips = [first.addPod(), first.addPod(), second.addPod()].map((pod) => pod.ip);
    assert.equal(new Set(ips).size, 3);
  });

  test("the address of a removed pod is not given away at once", (context) => {
    const network = createTestNetwork(context);
    const first = network.addPod();
    network.removePod(first);
    assert.notEqual(network.addPod().ip, first.ip);
  });

  test("closing leaves the host as it was", () => {
    const before = hostLinks();
    const own = readlinkSync("/proc/thread-self/ns/net");
    const network = createMeshNetwork({ mesh: "a-name-that-is-too-long-for-a-link" });
    assert.ok(network.hostInterface.length <= 15);
    network.addPod();
    assert.ok(hasInterface(network.hostInterface));
    network.close();
    assert.equal(hostLinks(), before);
    assert.equal(readlinkSync("/proc/thread-self/ns/net"), own);
  });

  test("an interface that a killed mesh of the same name left is replaced", (context) => {
    const name = "leftover";
    const left = createMeshNetwork({ mesh: name });
    const network = createMeshNetwork({ mesh: name });
    context.after(() => network.close());
    assert.equal(network.hostInterface, left.hostInterface);
    network.addPod();
    assert.ok(hasInterface(network.hostInterface));
  });
});
