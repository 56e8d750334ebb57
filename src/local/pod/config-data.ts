/** The keys of ConfigMaps and Secrets as bytes. */
import type { ConfigMap, Secret } from "../../api/kubernetes.ts";

/** `stringData` wins over `data`, as when the API server merges the two. */
export function readKeys(object: ConfigMap | Secret): ReadonlyMap<string, Buffer> {
  const keys = new Map<string, Buffer>();
  const plain = object.kind === "ConfigMap" ? object.data : object.stringData;
  const encoded = object.kind === "ConfigMap" ? object.binaryData : object.data;
  for (const [key, value] of Object.entries(encoded ?? {})) {
    keys.set(key, Buffer.from(value, "base64"));
  }
  for (const [key, value] of Object.entries(plain ?? {})) keys.set(key, Buffer.from(value));
  return keys;
}
