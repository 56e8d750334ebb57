/** Who makes a pod. What is to be said about a pod that has no name yet is said of its owner. */
import type { OwnerReference } from "../src/api/kubernetes.ts";

export type Owner = Required<Pick<OwnerReference, "apiVersion" | "kind" | "name" | "uid">>;

/** The controller, or whoever comes first; undefined when there is none, or the value is no list of owners. */
export function readOwner(ownerReferences: unknown): Owner | undefined {
  const owners = (Array.isArray(ownerReferences) ? ownerReferences : []).filter(isFields);
  const owner = owners.find((one) => one["controller"] === true) ?? owners[0];
  const { apiVersion, kind, name, uid } = owner ?? {};
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  if (typeof name !== "string" || typeof uid !== "string") return undefined;
  return { apiVersion, kind, name, uid };
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
