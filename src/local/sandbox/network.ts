/**
 * The network of one local mesh: a bridge in a network namespace of its own ("hub"), one namespace per pod, and
 * one interface on the host. Namespaces have no names; they live as long as the process that made them (or a
 * process inside one), so that a killed mesh leaves nothing in the kernel.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type AddressPlan, maxPods, planAddresses } from "./address-plan.ts";
import { hasInterface, IpCommandError, listRoutes, runIp } from "./ip-command.ts";
import {
  closeNetworkNamespace,
  createNetworkNamespace,
  inNetworkNamespace,
  setNetworkParameters,
} from "./namespace.ts";
import { ownProcessNumber } from "./process-number.ts";

export interface MeshNetworkConfig {
  /** The mesh's name; it chooses addresses and the name of the interface on the host. */
  readonly mesh: string;
}

export interface MeshNetwork {
  /** The interface on the host's side, `remora-…`, at most 15 characters. */
  readonly hostInterface: string;
  /** CIDR from which pods get addresses. */
  readonly podRange: string;
  /** CIDR for the virtual addresses of Services. It is never on link: pods send what goes there to the gateway. */
  readonly serviceRange: string;
  /** The host's address in the pod range: pods reach programs on the host here, and route through it. */
  readonly gateway: string;
  /** The bridge, inside the hub: where a capture sees all traffic between pods. */
  readonly bridge: { readonly interface: string; readonly namespace: NetworkNamespace };
  /** Makes a namespace with `eth0`, an address, a default route and `lo`. Takes a few milliseconds, synchronously. */
  addPod(): PodNetwork;
  /** Frees the address. The namespace ends with its last process. */
  removePod(pod: PodNetwork): void;
  /** Removes everything; processes inside pods must have ended. */
  close(): void;
}

export interface PodNetwork {
  readonly ip: string;
  /** In the mesh's private IPv6 range; undefined where the kernel has no IPv6. */
  readonly ip6: string | undefined;
  readonly namespace: NetworkNamespace;
}

/** A network namespace held by a descriptor of this process. */
export interface NetworkNamespace {
  readonly fd: number;
  /** The inode: what `/proc/PID/ns/net` shows as `net:[inode]`. */
  readonly inode: number;
}

const bridgeName = "mesh";

/** What a pod's namespace is given by container runtimes: low ports and ping without privileges. */
const podParameters = {
  "ipv4/ip_unprivileged_port_start": "0",
  "ipv4/ping_group_range": "0 65535",
};

/** Makes hub, bridge and host interface with ranges that collide with no route of the host. */
export function createMeshNetwork(config: MeshNetworkConfig): MeshNetwork {
  const hostInterface = interfaceName(config.mesh);
  // What a killed mesh of this name left goes by itself, but not always before the next one starts.
  if (hasInterface(hostInterface)) runIp([`link del ${hostInterface}`]);
  const plan = planAddresses(config.mesh, listRoutes());
  if (plan === undefined) {
    throw new IpCommandError("every private IPv4 range is routed on this host already");
  }
  const hub = createNetworkNamespace();
  try {
    buildHub(hub, hostInterface, plan);
  } catch (error) {
    closeNetworkNamespace(hub);
    throw error;
  }
  return openNetwork(hub, hostInterface, plan);
}

function buildHub(hub: NetworkNamespace, hostInterface: string, plan: AddressPlan): void {
  inNetworkNamespace(hub, () =>
    runIp([
      "link set lo up",
      `link add name ${bridgeName} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${bridgeName} up`,
    ]),
  );
  const lines = [
    `link add ${hostInterface} type veth peer name host netns ${pathOf(hub)}`,
    `addr add ${plan.gateway}/17 dev ${hostInterface}`,
    `link set ${hostInterface} up`,
  ];
  if (hasIpv6()) lines.splice(2, 0, `addr add ${plan.gateway6}/64 dev ${hostInterface} nodad`);
  runIp(lines);
  inNetworkNamespace(hub, () => runIp([`link set host master ${bridgeName} up`]));
}

function openNetwork(hub: NetworkNamespace, hostInterface: string, plan: AddressPlan): MeshNetwork {
  const pods = new Map<PodNetwork, number>();
  let next = 0;
  return {
    hostInterface,
    podRange: plan.podRange,
    serviceRange: plan.serviceRange,
    gateway: plan.gateway,
    bridge: { interface: bridgeName, namespace: hub },
    addPod() {
      const used = new Set(pods.values());
      // Addresses are used in turn, so that a new pod does not get what an old one just had.
      while (used.has(next % maxPods)) next += 1;
      const index = next % maxPods;
      const pod = buildPod(hub, plan, index);
      pods.set(pod, index);
      next = index + 1;
      return pod;
    },
    removePod(pod) {
      const index = pods.get(pod);
      if (index === undefined) return;
      pods.delete(pod);
      inNetworkNamespace(hub, () => runIp([`link del pod${index}`]));
      closeNetworkNamespace(pod.namespace);
    },
    close() {
      for (const pod of pods.keys()) closeNetworkNamespace(pod.namespace);
      pods.clear();
      if (hasInterface(hostInterface)) runIp([`link del ${hostInterface}`]);
      closeNetworkNamespace(hub);
    },
  };
}

function buildPod(hub: NetworkNamespace, plan: AddressPlan, index: number): PodNetwork {
  const namespace = createNetworkNamespace();
  const ip = plan.podIp(index);
  const ip6 = hasIpv6() ? plan.podIp6(index) : undefined;
  try {
    inNetworkNamespace(hub, () =>
      runIp([
        `link add pod${index} type veth peer name eth0 netns ${pathOf(namespace)}`,
        `link set pod${index} master ${bridgeName} up`,
      ]),
    );
    const lines = ["link set lo up", `addr add ${ip}/17 dev eth0`];
    if (ip6 !== undefined) lines.push(`addr add ${ip6}/64 dev eth0 nodad`);
    lines.push("link set eth0 up", `route add default via ${plan.gateway}`);
    if (ip6 !== undefined) lines.push(`route add default via ${plan.gateway6}`);
    inNetworkNamespace(namespace, () => runIp(lines));
    setNetworkParameters(namespace, podParameters);
  } catch (error) {
    closeNetworkNamespace(namespace);
    throw error;
  }
  return { ip, ip6, namespace };
}

/** Interface names have 15 characters at most; a longer mesh name is replaced by its hash. */
function interfaceName(mesh: string): string {
  const prefix = "remora-";
  if (/^[a-z0-9-]{1,8}$/.test(mesh)) return prefix + mesh;
  return prefix + createHash("sha256").update(mesh).digest("hex").slice(0, 8);
}

/** A path by which `ip` finds a namespace that has no name. */
function pathOf(namespace: NetworkNamespace): string {
  return `/proc/${ownProcessNumber()}/fd/${namespace.fd}`;
}

function hasIpv6(): boolean {
  return existsSync("/proc/net/if_inet6");
}
