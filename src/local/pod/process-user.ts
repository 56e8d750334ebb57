/** Who a container's process is: uid, gid, groups and capabilities from the two security contexts. */
import type { Container, Pod } from "../../api/kubernetes.ts";
import {
  type Capability,
  capabilityNames,
  defaultCapabilities,
  parseCapability,
} from "../sandbox/capability.ts";
import type { ContainerUser } from "../sandbox/launch-spec.ts";
import { NotYet } from "./not-yet.ts";

export interface ProcessUser {
  readonly user: ContainerUser;
  readonly capabilities: readonly Capability[];
  readonly noNewPrivileges: boolean;
}

/**
 * A spec that names no user runs as uid 0 with the container runtimes' default capabilities. In a cluster the image
 * would say who; there is no image here, and root is what an image says that says nothing.
 * Throws NotYet when the spec contradicts itself.
 */
export function resolveUser(container: Container, pod: Pod): ProcessUser {
  const own = container.securityContext;
  const shared = pod.spec.securityContext;
  const uid = own?.runAsUser ?? shared?.runAsUser ?? 0;
  const gid = own?.runAsGroup ?? shared?.runAsGroup ?? 0;
  if (uid === 0 && (own?.runAsNonRoot ?? shared?.runAsNonRoot) === true) {
    throw new NotYet(
      `container "${container.name}" has runAsNonRoot and no runAsUser, so it would run as root; set runAsUser`,
    );
  }
  const groups = new Set(shared?.supplementalGroups ?? []);
  if (shared?.fsGroup !== undefined) groups.add(shared.fsGroup);
  return {
    user: { uid, gid, groups: Array.from(groups) },
    capabilities: resolveCapabilities(container, uid),
    noNewPrivileges: own?.allowPrivilegeEscalation === false,
  };
}

/** Kubernetes has no ambient capabilities: a process that does not start as root has none. */
function resolveCapabilities(container: Container, uid: number): readonly Capability[] {
  if (uid !== 0) return [];
  const own = container.securityContext;
  if (own?.privileged === true) return capabilityNames;
  const { add = [], drop = [] } = own?.capabilities ?? {};
  const kept = new Set(
    drop.some(isAll) ? [] : add.some(isAll) ? capabilityNames : defaultCapabilities,
  );
  for (const name of drop) {
    const capability = readCapability(container, name);
    if (capability !== undefined) kept.delete(capability);
  }
  for (const name of add) {
    const capability = readCapability(container, name);
    if (capability !== undefined) kept.add(capability);
  }
  return capabilityNames.filter((name) => kept.has(name));
}

function isAll(name: string): boolean {
  return name.toUpperCase() === "ALL";
}

function readCapability(container: Container, name: string): Capability | undefined {
  if (isAll(name)) return undefined;
  const capability = parseCapability(name);
  if (capability !== undefined) return capability;
  throw new NotYet(
    `container "${container.name}" names the capability "${name}", which does not exist`,
  );
}
