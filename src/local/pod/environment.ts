/** The environment of a container, as the kubelet puts it together. */
import type { ConfigMap, Container, EnvVar, Pod, Secret } from "../../api/kubernetes.ts";
import type { ObjectStore } from "../objects.ts";
import { readKeys } from "./config-data.ts";
import { NotYet } from "./not-yet.ts";

/** What is known of the place where a pod runs. */
export interface PodPlace {
  readonly ip: string;
  readonly hostIp: string;
  readonly nodeName: string;
}

/** Throws NotYet when a ConfigMap, Secret or key is missing that is not optional. Later entries win. */
export function resolveEnvironment(
  container: Container,
  pod: Pod,
  place: PodPlace,
  objects: ObjectStore,
  base: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = { ...base };
  const namespace = pod.metadata.namespace ?? "default";
  for (const source of container.envFrom ?? []) {
    const { configMapRef, secretRef, prefix = "" } = source;
    const data =
      configMapRef !== undefined
        ? findData(objects, "ConfigMap", namespace, configMapRef.name, configMapRef.optional)
        : findData(objects, "Secret", namespace, secretRef?.name ?? "", secretRef?.optional);
    for (const [key, value] of data) env[`${prefix}${key}`] = value.toString("utf8");
  }
  for (const entry of container.env ?? []) {
    const value = resolveEntry(entry, pod, place, objects);
    if (value !== undefined) env[entry.name] = expandReferences(value, env);
  }
  return env;
}

/** `$(NAME)` of known variables is replaced, `$$(NAME)` is the way to write it as it stands. */
export function expandReferences(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()\s]+)\)/g, (match: string, name: string | undefined) => {
    if (match === "$$") return "$";
    return name !== undefined && Object.hasOwn(env, name) ? (env[name] ?? match) : match;
  });
}

function resolveEntry(
  entry: EnvVar,
  pod: Pod,
  place: PodPlace,
  objects: ObjectStore,
): string | undefined {
  const { fieldRef, configMapKeyRef, secretKeyRef } = entry.valueFrom ?? {};
  if (fieldRef !== undefined) return resolveField(fieldRef.fieldPath, pod, place);
  const reference = configMapKeyRef ?? secretKeyRef;
  if (reference === undefined) return entry.value ?? "";
  const kind = configMapKeyRef === undefined ? "Secret" : "ConfigMap";
  const namespace = pod.metadata.namespace ?? "default";
  const data = findData(objects, kind, namespace, reference.name, reference.optional);
  const value = data.get(reference.key);
  if (value === undefined && reference.optional !== true) {
    throw new NotYet(`${kind} ${namespace}/${reference.name} has no key "${reference.key}"`);
  }
  return value?.toString("utf8");
}

function findData(
  objects: ObjectStore,
  kind: "ConfigMap" | "Secret",
  namespace: string,
  name: string,
  optional = false,
): ReadonlyMap<string, Buffer> {
  const object: ConfigMap | Secret | undefined = objects.get(kind, namespace, name);
  if (object !== undefined) return readKeys(object);
  if (optional) return new Map();
  throw new NotYet(`${kind} ${namespace}/${name} does not exist`);
}

/** The downward API. Throws NotYet for a path that does not exist, since nothing can be put in its place. */
export function resolveField(path: string, pod: Pod, place: PodPlace): string {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) {
    const map = keyed[1] === "labels" ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[keyed[2] ?? ""] ?? "";
  }
  switch (path) {
    case "metadata.name":
      return pod.metadata.name;
    case "metadata.namespace":
      return pod.metadata.namespace ?? "default";
    case "metadata.uid":
      return pod.metadata.uid ?? "";
    case "metadata.labels":
      return formatMap(pod.metadata.labels);
    case "metadata.annotations":
      return formatMap(pod.metadata.annotations);
    case "spec.nodeName":
      return place.nodeName;
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName ?? "default";
    case "status.podIP":
    case "status.podIPs":
      return place.ip;
    case "status.hostIP":
    case "status.hostIPs":
      return place.hostIp;
    default:
      throw new NotYet(`the field "${path}" is not one that the downward API has`);
  }
}

/** As the kubelet writes labels into a file: one `key="value"` a line, sorted. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  const lines = Object.entries(map ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return lines.sort().join("\n");
}
