/** The one way between the machine and the cluster: a pair of interfaces with an address on each side. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { planAddresses } from "../../../src/local/sandbox/address-plan.ts";
import { listRoutes, runIp } from "../../../src/local/sandbox/ip-command.ts";
import { serviceRange } from "../control-plane-commands.ts";
import { runInside, type Sandbox } from "./sandbox.ts";

export interface NodeNetwork {
  /** The interface on the machine's side. */
  readonly interfaceName: string;
  /** The node's address; the API server listens on it. */
  readonly nodeIp: string;
}

export function connectNode(name: string, sandbox: Sandbox): NodeNetwork {
  const plan = planAddresses(`cluster ${name}`, listRoutes());
  if (plan === undefined) throw new Error("every private block of addresses is routed already");
  const interfaceName = `rmc-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
  const nodeIp = plan.podIp(0);
  const peer = `type veth peer name eth0 netns ${sandbox.pid}`;
  runIp([
    `link add ${interfaceName} ${peer}`,
    `addr add ${plan.gateway}/30 dev ${interfaceName}`,
    `link set ${interfaceName} up`,
  ]);
  const lines = [
    `addr add ${nodeIp}/30 dev eth0`,
    "link set eth0 up",
    // Without a route the kernel refuses a Service's address before kube-proxy's rules see it. No default route: what is
    // addressed to the world outside fails at once and leaves the machine never.
    `route add ${serviceRange} dev eth0 src ${nodeIp}`,
  ];
  runInside(sandbox, ["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  return { interfaceName, nodeIp };
}

/** The kernel does the same once the namespace has ended, but later. */
export function disconnectNode({ interfaceName }: NodeNetwork): void {
  spawnSync("ip", ["link", "delete", interfaceName], { stdio: "ignore" });
}
