/**
 * The network of one local mesh: a bridge in a network namespace of its own ("hub"), one namespace per pod, and
 * one interface on the host. Namespaces have no names; they live as long as the process that made them (or a
 * process inside one), so that a killed mesh leaves nothing in the kernel.
 */

export interface MeshNetworkConfig {
  /** The mesh's name; it chooses addresses and the name of the interface on the host. */
  readonly mesh: string;
}

export interface MeshNetwork {
  /** The interface on the host's side, `remora-…`, at most 15 characters. */
  readonly hostInterface: string;
  /** CIDR from which pods get addresses. */
  readonly podRange: string;
  /** CIDR that is never routed on link: for the virtual addresses of Services. Everything in it goes to the pod's gateway. */
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

/** Makes hub, bridge and host interface with ranges that collide with no route of the host. */
export function createMeshNetwork(_config: MeshNetworkConfig): MeshNetwork {
  throw new Error("networks are not built");
}
