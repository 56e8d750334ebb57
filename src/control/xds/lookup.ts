/** Which resources a name stands for, for one proxy in one snapshot (interoperates with ztunnel's on-demand keys). */

import { Scope } from "../../api/gen/authorization_pb.ts";
import { normalizeIp } from "../../core/address.ts";
import type { Resource } from "../model/resource.ts";
import type { MeshService, MeshSnapshot, MeshWorkload } from "../model/snapshot.ts";
import type { Lookup } from "./subscription.ts";

/** Keys of addresses: `/IP`, `NAMESPACE/HOSTNAME`, or the uid of a workload. */
export function addressLookup(snapshot: MeshSnapshot): Lookup {
  return {
    resolve(key) {
      const found = findAddress(snapshot, key);
      if (found === undefined) return [];
      const { resource } = found;
      // The proxy waits for a resource with the very name that it asked for.
      const named = resource.name === key ? resource : { ...resource, name: key };
      return "members" in found ? [named, ...found.members.values()] : [named];
    },
    *all() {
      for (const { resource } of snapshot.workloads.values()) yield resource;
      for (const { resource } of snapshot.services.values()) yield resource;
    },
  };
}

function findAddress(snapshot: MeshSnapshot, key: string): MeshWorkload | MeshService | undefined {
  // Before the slash stands the network, and there is one network only: the unnamed.
  if (key.startsWith("/")) return snapshot.findByIp(normalizeIp(key.slice(1)));
  return snapshot.services.get(key) ?? snapshot.workloads.get(key);
}

/**
 * A pod's proxy is told the policies that apply to the pod. Any other client, such as a proxy for a whole node, is
 * told all of them and chooses by itself.
 */
export function authorizationLookup(
  snapshot: MeshSnapshot,
  workload: MeshWorkload | undefined,
): Lookup {
  const applies = ({ scope, namespace, resource }: PolicyFacts): boolean => {
    if (workload === undefined || scope === Scope.GLOBAL) return true;
    if (scope === Scope.NAMESPACE) return namespace === workload.namespace;
    return workload.policies.includes(resource.name);
  };
  return {
    resolve(key) {
      const policy = snapshot.policies.get(key);
      return policy === undefined ? [] : [policy.resource];
    },
    *all() {
      for (const policy of snapshot.policies.values()) if (applies(policy)) yield policy.resource;
    },
  };
}

interface PolicyFacts {
  readonly scope: Scope;
  readonly namespace: string;
  readonly resource: Resource;
}
