/** The fields of Kubernetes objects that checks read. */
import { proxyContainerName } from "../../../injector/options.ts";
import type { ObjectMeta } from "../../api/kubernetes.ts";

export interface Named {
  readonly metadata: ObjectMeta & {
    readonly creationTimestamp?: string;
    readonly generation?: number;
  };
}

export interface Namespace extends Named {
  readonly status?: { readonly phase?: string };
}

export interface Node extends Named {
  readonly status?: {
    readonly nodeInfo?: {
      readonly kernelVersion: string;
      readonly kubeletVersion: string;
      readonly operatingSystem: string;
      readonly architecture: string;
    };
    readonly conditions?: readonly Condition[];
  };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface Deployment extends Named {
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly image?: string }[] };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface RunningPod extends Named {
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly containers: readonly PodContainer[];
    readonly initContainers?: readonly PodContainer[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly conditions?: readonly Condition[];
  };
}

export interface PodContainer {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
  };
}

export interface Webhook {
  readonly name: string;
  readonly clientConfig: { readonly caBundle?: string };
}

export interface WebhookConfiguration extends Named {
  readonly webhooks?: readonly Webhook[];
}

export interface Secret extends Named {
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends Named {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Lease extends Named {
  readonly spec?: { readonly renewTime?: string };
}

/** `namespace/name`, or the name of what has no namespace. */
export function nameOf({ metadata: { namespace, name } }: Named): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function sidecarOf(pod: RunningPod): PodContainer | undefined {
  return pod.spec.initContainers?.find(({ name }) => name === proxyContainerName);
}
