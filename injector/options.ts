/** What the patch must be told about this installation: the image, how programs start, and the defaults. */
import type { Container, EnvVar } from "../src/api/kubernetes.ts";

export interface InjectionOptions {
  /** Written to the status annotation; a pod that carries another version is left as it is. */
  readonly version: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  /** How the sidecar starts, flags of the runtime included: its heap has to fit into the container's memory, in bytes. */
  readonly proxyCommand: (memoryLimit: number | undefined) => readonly string[];
  readonly initCommand: readonly string[];
  /** Environment that the two programs need beside their settings, such as a compile cache's folder. */
  readonly proxyEnv?: readonly EnvVar[];
  readonly initEnv?: readonly EnvVar[];
  readonly trustDomain: string;
  /** `host:port` of the identity service and of the control service. */
  readonly identityAddress: string;
  readonly controlAddress: string;
  readonly logLevel: string;
  readonly accessLog: "on" | "off";
  /** A duration such as `30s`; shortened to the pod's grace period where that is less. */
  readonly drainTime: string;
  readonly proxyResources: Resources;
  readonly initResources: Resources;
}

export type Resources = NonNullable<Container["resources"]>;

/** Name of the sidecar, an init container with `restartPolicy: Always`. */
export const proxyContainerName = "remora-proxy";
/** Name of the init container that installs the redirection rules. */
export const initContainerName = "remora-init";
/** Holds the version of the injector that patched the pod. */
export const statusAnnotation = "remora.dev/injected";
/** The cluster autoscaler's list of volumes that may be lost with a node; memory counts as local storage there. */
export const evictableVolumesAnnotation =
  "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
/** The opt-in label of namespaces and pods. */
export const injectLabel = "remora.dev/inject";
/** The uid and gid whose traffic is not captured. */
export const proxyUid = 15_008;
/** The sidecar's port for metrics, readiness and the probe relay. */
export const relayPort = 15_020;
/** Ports that the sidecar listens on in the pod's network namespace. */
export const sidecarPorts: readonly number[] = [15_001, 15_006, 15_008, relayPort];

/** Defaults that fit a small cluster; everything that names a machine or a path must be given. */
export const defaultInjection: Pick<
  InjectionOptions,
  | "trustDomain"
  | "identityAddress"
  | "controlAddress"
  | "logLevel"
  | "accessLog"
  | "drainTime"
  | "proxyResources"
  | "initResources"
> = {
  trustDomain: "cluster.local",
  identityAddress: "remora-identity.remora-system.svc.cluster.local:15012",
  controlAddress: "remora-control.remora-system.svc.cluster.local:15010",
  logLevel: "info",
  accessLog: "off",
  // The default grace period of a pod: a drain may use all of what the app left of it.
  drainTime: "30s",
  proxyResources: {
    // An idle sidecar uses about 15 MB of private memory and next to no CPU.
    requests: { cpu: "10m", memory: "32Mi" },
    // No CPU limit: throttling a proxy shows as latency in every service behind it.
    limits: { memory: "128Mi" },
  },
  initResources: {
    requests: { cpu: "10m", memory: "32Mi" },
    limits: { cpu: "1", memory: "128Mi" },
  },
};
