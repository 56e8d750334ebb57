/** Changes of objects, by the key of an object among all of a mesh. */
import type { MeshObject } from "../../api/kubernetes.ts";

/** The new objects by their key, and undefined for those that are gone. */
export type ObjectDelta = ReadonlyMap<string, MeshObject | undefined>;

/** `Kind NAMESPACE/NAME`, or `Kind NAME`. */
export function objectKey(object: MeshObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? `${object.kind} ${name}` : `${object.kind} ${namespace}/${name}`;
}

export function byKey(objects: readonly MeshObject[]): ReadonlyMap<string, MeshObject> {
  return new Map(objects.map((object) => [objectKey(object), object]));
}

/** What leads from one state to the other; an object that did not change is the same one. */
export function diffObjects(
  before: ReadonlyMap<string, MeshObject>,
  now: ReadonlyMap<string, MeshObject>,
): ObjectDelta {
  const delta = new Map<string, MeshObject | undefined>();
  for (const key of before.keys()) if (!now.has(key)) delta.set(key, undefined);
  for (const [key, object] of now) if (before.get(key) !== object) delta.set(key, object);
  return delta;
}
