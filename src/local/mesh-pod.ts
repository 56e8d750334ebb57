/** A pod of the mesh, with what the mesh knows of it beside its own state. */
import type { Pod } from "../api/kubernetes.ts";
import type { RunningPod } from "./pod/pod.ts";
import type { PodNetwork } from "./sandbox/network.ts";

export interface MeshPod {
  readonly running: RunningPod;
  readonly network: PodNetwork;
  /** Has a sidecar. */
  readonly meshed: boolean;
  /** `Kind namespace/name` of what asked for it. */
  readonly workload: string;
  /** Wall time in milliseconds. */
  readonly created: number;
  /** The hosts file that all its containers see. */
  readonly hostsFile: string;
}

/** The pod as an API server would show it: with its addresses and whether it is ready. */
export function effectivePod(member: MeshPod): Pod {
  const { pod, ip } = member.running;
  const status = member.running.status();
  const ip6 = member.network.ip6;
  return {
    ...pod,
    status: {
      podIP: ip,
      podIPs: ip6 === undefined ? [{ ip }] : [{ ip }, { ip: ip6 }],
      phase: status.phase === "Terminating" ? "Running" : status.phase,
      conditions: [{ type: "Ready", status: status.ready ? "True" : "False" }],
    },
  };
}
