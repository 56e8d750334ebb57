import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { inNetworkNamespace } from "../../src/local/sandbox/namespace.ts";
import type { MeshNetwork, PodNetwork } from "../../src/local/sandbox/network.ts";
import { createTestNetwork, node, project, run, sawLine, skip, start } from "../sandbox/pods.ts";

const init = node(join(project, "src/bin/init.ts"));
const answerProgram = join(project, "test/capture/answer.ts");
const askProgram = join(project, "test/capture/ask.ts");
const proxyUser = { uid: 15_008, gid: 15_008, groups: [] };
const ports = { REMORA_SKIP_INBOUND_PORTS: "7001", REMORA_SKIP_OUTBOUND_PORTS: "9000-9010,7000" };
const noNft = spawnSync("nft", ["--version"]).error !== undefined && "nft is not installed";

interface TwoPods {
  readonly network: MeshNetwork;
  /** Has rules and a listener in the place of the sidecar. */
  readonly meshed: PodNetwork;
  readonly other: PodNetwork;
}

async function installRules(pod: PodNetwork, env: Readonly<Record<string, string>> = ports) {
  return await run({
    command: init,
    env: { PATH: "/usr/bin", ...env },
    network: pod,
    user: { uid: 0, gid: 0, groups: [] },
    capabilities: ["NET_ADMIN", "NET_RAW"],
  });
}

async function startPods(context: TestContext): Promise<TwoPods> {
  const network = createTestNetwork(context);
  const [meshed, other] = [network.addPod(), network.addPod()];
  const installed = await installRules(meshed);
  assert.equal(installed.code, 0, installed.errors);
  const listen = async (pod: PodNetwork, ...lists: readonly string[]) => {
    const container = start({
      command: node(answerProgram, ...lists),
      network: pod,
      user: proxyUser,
    });
    context.after(async () => {
      container.kill("SIGKILL");
      await container.exited;
    });
    await sawLine(container, "listening");
  };
  await Promise.all([
    listen(meshed, "15001,15006", "7000,7001,15020"),
    listen(other, "", "80,9005"),
  ]);
  return { network, meshed, other };
}

async function ask(from: PodNetwork, user: TestUser, ip: string, ...ports: readonly number[]) {
  const command = node(askProgram, ip, ...ports.map(String));
  const result = await run({ command, network: from, user: { groups: [], ...user } });
  assert.equal(result.code, 0, result.errors);
  return result.output.trimEnd().split("\n");
}

interface TestUser {
  readonly uid: number;
  readonly gid: number;
}

const app: TestUser = { uid: 1000, gid: 1000 };

function listRules(pod: PodNetwork): string {
  return inNetworkNamespace(pod.namespace, () =>
    spawnSync("nft", ["list", "ruleset"], { encoding: "utf8" }),
  ).stdout;
}

/** As nft 1.0 prints it; later ones write the priority of both chains by name. */
const expectedRules = `table inet remora {
	chain output {
		type nat hook output priority dstnat; policy accept;
		meta skuid 15008 return
		meta skgid 15008 return
		oifname "lo" return
		tcp dport 9000-9010 return
		tcp dport 7000 return
		meta l4proto tcp redirect to :15001
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 15008 return
		tcp dport 15020 return
		tcp dport 7001 return
		meta l4proto tcp redirect to :15006
	}
}
`;

suite("redirection in a pod", { skip }, () => {
  test("nft prints the rules, also after a second run", { skip: noNft }, async (context) => {
    const pod = createTestNetwork(context).addPod();
    for (const _ of [1, 2]) {
      const result = await installRules(pod);
      assert.equal(result.code, 0, result.errors);
      assert.equal(listRules(pod).replaceAll("priority -100", "priority dstnat"), expectedRules);
    }
  });

  test("init tries its rules with a connection for each IP version", async (context) => {
    const result = await installRules(createTestNetwork(context).addPod());
    const report = JSON.parse(result.output) as Record<string, unknown>;
    assert.deepEqual([report["ipv4"], report["ipv6"]], [{ kind: "passed" }, { kind: "passed" }]);
  });

  test("an app's connection comes out at the sidecar with its original destination", async (context) => {
    const { meshed, other } = await startPods(context);
    assert.deepEqual(await ask(meshed, app, other.ip, 80, 8443), [
      `15001 for ${other.ip}:80`,
      `15001 for ${other.ip}:8443`,
    ]);
    assert.ok(other.ip6);
    assert.deepEqual(await ask(meshed, app, other.ip6, 80), [`15001 for [${other.ip6}]:80`]);
  });

  test("an address that nobody has is redirected as well", async (context) => {
    const { network, meshed } = await startPods(context);
    const [service = ""] = network.serviceRange.split("/");
    assert.deepEqual(await ask(meshed, app, service, 80), [`15001 for ${service}:80`]);
  });

  test("the sidecar's own user or group is exempt", async (context) => {
    const { meshed, other } = await startPods(context);
    assert.deepEqual(await ask(meshed, proxyUser, other.ip, 80), ["direct"]);
    assert.deepEqual(await ask(meshed, { uid: 1000, gid: 15_008 }, other.ip, 80), ["direct"]);
    assert.ok(other.ip6);
    assert.deepEqual(await ask(meshed, proxyUser, other.ip6, 80), ["direct"]);
  });

  test("loopback and skipped ports are exempt", async (context) => {
    const { meshed, other } = await startPods(context);
    assert.deepEqual(await ask(meshed, app, "127.0.0.1", 7001), ["direct"]);
    assert.deepEqual(await ask(meshed, app, "::1", 7001), ["direct"]);
    assert.deepEqual(await ask(meshed, app, meshed.ip, 7001), ["direct"]);
    assert.deepEqual(await ask(meshed, app, other.ip, 9005), ["direct"]);
  });

  test("what comes in is redirected, except to own and skipped ports", async (context) => {
    const { meshed, other } = await startPods(context);
    assert.deepEqual(await ask(other, app, meshed.ip, 7000, 7001, 15_020), [
      `15006 for ${meshed.ip}:7000`,
      "direct",
      "direct",
    ]);
    assert.ok(meshed.ip6);
    assert.deepEqual(await ask(other, app, meshed.ip6, 7000), [`15006 for [${meshed.ip6}]:7000`]);
  });

  test("a direct connection to the sidecar shows its listener as destination", async (context) => {
    const { meshed } = await startPods(context);
    assert.deepEqual(await ask(meshed, app, "127.0.0.1", 15_001), ["15001 for 127.0.0.1:15001"]);
  });

  test("without NET_ADMIN init says what is missing, and changes nothing", async (context) => {
    const pod = createTestNetwork(context).addPod();
    const result = await run({
      command: init,
      network: pod,
      user: { uid: 0, gid: 0, groups: [] },
      capabilities: ["NET_RAW"],
    });
    assert.equal(result.code, 77);
    assert.match(result.errors, /^remora-init: [^\n]*NET_ADMIN[^\n]*\n$/);
  });

  test("all bad settings are told at once", async (context) => {
    const pod = createTestNetwork(context).addPod();
    const result = await installRules(pod, {
      REMORA_PROXY_UID: "0",
      REMORA_SKIP_INBOUND_PORTS: "http",
    });
    assert.equal(result.code, 64);
    assert.match(result.errors, /REMORA_SKIP_INBOUND_PORTS.*REMORA_PROXY_UID/);
  });
});
