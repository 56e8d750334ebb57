/** Where in an object of a manifest the pods stand. Kinds that are not here make no pods. */
import type { Pod } from "../../src/api/kubernetes.ts";

export type Path = readonly (string | number)[];

export interface PodPlace {
  /** From the root of the document to what has `metadata` and `spec` of a pod. */
  readonly path: Path;
  /** `Deployment shop/web`, as people call the object. */
  readonly title: string;
  readonly namespace: string;
  readonly template: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

const template: Path = ["spec", "template"];
const templatePaths: Readonly<Record<string, Path>> = {
  "v1 Pod": [],
  "v1 ReplicationController": template,
  "apps/v1 Deployment": template,
  "apps/v1 ReplicaSet": template,
  "apps/v1 StatefulSet": template,
  "apps/v1 DaemonSet": template,
  "batch/v1 Job": template,
  "batch/v1 CronJob": ["spec", "jobTemplate", "spec", "template"],
};

/** Of a List those of its items. An object without a pod where one must stand is passed over. */
export function findPodPlaces(value: unknown, path: Path = []): readonly PodPlace[] {
  if (!isFields(value)) return [];
  const { apiVersion, kind, items, metadata } = value;
  // `List` of v1, and the lists of one kind that `kubectl get --raw` gives.
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    return items.flatMap((item, index) => findPodPlaces(item, [...path, "items", index]));
  }
  const inside = templatePaths[`${String(apiVersion)} ${String(kind)}`];
  const found = inside && valueAt(value, inside);
  if (inside === undefined || !isFields(found)) return [];
  const { name, generateName, namespace } = isFields(metadata) ? metadata : {};
  const place = typeof namespace === "string" ? namespace : "";
  const texts = [name, generateName].filter((text) => typeof text === "string");
  const label = texts[0] ?? "without a name";
  const title = `${String(kind)} ${place === "" ? label : `${place}/${label}`}`;
  return [{ path: [...path, ...inside], title, namespace: place, template: found }];
}

/** The namespaces that the manifests themselves define, with what they say about their pods. */
export function findNamespaces(value: unknown): readonly (readonly [name: string, Fields])[] {
  if (!isFields(value)) return [];
  const { kind, items, metadata } = value;
  if (Array.isArray(items)) return items.flatMap(findNamespaces);
  if (kind !== "Namespace" || !isFields(metadata)) return [];
  return [[String(metadata["name"]), metadata]];
}

/** The template as the pod that it will become. */
export function podOfTemplate(place: PodPlace): Pick<Pod, "metadata" | "spec"> & Fields {
  const metadata = isFields(place.template["metadata"]) ? place.template["metadata"] : {};
  return { ...place.template, metadata } as unknown as Pod & Fields;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce((at, key) => (isFields(at) ? at[String(key)] : undefined), value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
