/** The whole mesh at one moment, ready to be sent. */
import type { SpiffeId } from "../../core/spiffe-id.ts";
import type { AuthorizationResource } from "./policy-index.ts";
import type { Resource } from "./resource.ts";

export interface ModelConfig {
  readonly trustDomain: string;
  /** The domain of Service names. */
  readonly clusterDomain: string;
  /** Policies of this namespace hold in all namespaces. */
  readonly rootNamespace: string;
}

export interface MeshWorkload {
  readonly resource: Resource;
  /** Undefined for what is no pod, and proves nothing. */
  readonly identity: SpiffeId | undefined;
  readonly namespace: string;
  /** `NAMESPACE/NAME` of the policies that select it. */
  readonly policies: readonly string[];
}

export interface MeshService {
  readonly resource: Resource;
  /** Those of its addresses that are its own. */
  readonly addresses: readonly string[];
  /** Everything behind it, ready or not, by uid. */
  readonly members: ReadonlyMap<string, Resource>;
}

/**
 * A copy of maps with ten thousand entries for every endpoint that comes or goes would cost more than the change. So the
 * maps are the model's own: they hold this state until the next snapshot is announced, and then that one's.
 */
export interface MeshSnapshot {
  /** By uid. */
  readonly workloads: ReadonlyMap<string, MeshWorkload>;
  /** By `NAMESPACE/HOSTNAME`. */
  readonly services: ReadonlyMap<string, MeshService>;
  /** By `NAMESPACE/NAME`. */
  readonly policies: ReadonlyMap<string, AuthorizationResource>;
  /** By the pod's `NAMESPACE/NAME`. */
  readonly pods: ReadonlyMap<string, MeshWorkload>;
  /** By normal text form; pods that share their node's address are not found by it. */
  findByIp(ip: string): MeshWorkload | MeshService | undefined;
  /**
   * The keys of addresses that may lead to something else than in the snapshot before: `/IP`, service, uid. Undefined
   * when all may.
   */
  readonly changed: ReadonlySet<string> | undefined;
  readonly policiesChanged: boolean;
}
