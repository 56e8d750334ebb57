/** What is kept of the API server's objects: a tenth of them, and nothing that changes without meaning for the mesh. */
import type {
  Condition,
  Container,
  EndpointSlice,
  MeshObject,
  Node,
  ObjectMeta,
  Pod,
  Service,
  ServicePort,
  SliceEndpoint,
} from "../../api/kubernetes.ts";
import type { RawObject } from "../../kubernetes/raw-object.ts";

export function trimPod(raw: RawObject): Pod {
  const spec = raw["spec"] as Pod["spec"];
  const status = (raw["status"] ?? {}) as NonNullable<Pod["status"]>;
  const injected = raw.metadata.annotations?.[injectedAnnotation];
  const owner = (raw.metadata as ObjectMeta).ownerReferences?.[0];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...trimMetadata(raw),
      ...(injected === undefined ? {} : { annotations: { [injectedAnnotation]: injected } }),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ kind: intern(owner.kind), name: intern(owner.name) }] }),
    },
    spec: {
      serviceAccountName: intern(spec.serviceAccountName ?? "default"),
      ...(spec.nodeName === undefined ? {} : { nodeName: intern(spec.nodeName) }),
      ...(spec.hostNetwork === true ? { hostNetwork: true } : {}),
      containers: trimContainers(spec.containers),
    },
    status: {
      ...pick(status, "podIP", "podIPs", "startTime"),
      phase: intern(status.phase ?? "Unknown"),
      conditions: (status.conditions ?? [])
        .filter(({ type }) => type === "Ready" || type === "ContainersReady")
        .map((condition): Condition => pick(condition, "type", "status", "reason")),
    },
  };
}

/** Their named ports: EndpointSlices say where traffic goes, but policies are compared with what a port is named. */
function trimContainers(containers: readonly Container[]): readonly Container[] {
  return containers.flatMap(({ name, ports = [] }) => {
    const named = ports.flatMap((port) =>
      port.name === undefined
        ? []
        : [{ ...pick(port, "containerPort", "protocol"), name: intern(port.name) }],
    );
    return named.length === 0 ? [] : [{ name: intern(name), ports: named }];
  });
}

export function trimService(raw: RawObject): Service {
  const spec = raw["spec"] as Service["spec"];
  const wanted = [
    "type",
    "clusterIP",
    "clusterIPs",
    "publishNotReadyAddresses",
    "selector",
  ] as const;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: trimMetadata(raw, false),
    spec: {
      ...pick(spec, ...wanted),
      ports: (spec.ports ?? []).map(
        (port): ServicePort => pick(port, "name", "port", "targetPort", "protocol", "appProtocol"),
      ),
    },
  };
}

export function trimEndpointSlice(raw: RawObject): EndpointSlice {
  const { endpoints, ports, addressType } = raw as unknown as {
    endpoints: readonly SliceEndpoint[] | null;
    ports: EndpointSlice["ports"] | null;
    addressType: string;
  };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: trimMetadata(raw),
    addressType,
    endpoints: (endpoints ?? []).map(({ addresses, conditions, targetRef }) => ({
      addresses,
      ...(conditions === undefined
        ? {}
        : { conditions: pick(conditions, "ready", "serving", "terminating") }),
      ...(targetRef === undefined ? {} : { targetRef: pick(targetRef, "kind", "name", "uid") }),
    })),
    ports: (ports ?? []).map((port) => pick(port, "name", "port", "protocol")),
  };
}

/** Those in no zone tell nothing. */
export function trimNode(raw: RawObject): Node | undefined {
  const labels = pick(raw.metadata.labels ?? {}, ...zoneLabels);
  if (Object.keys(labels).length === 0) return undefined;
  return { apiVersion: "v1", kind: "Node", metadata: { name: raw.metadata.name, labels } };
}

const injectedAnnotation = "remora.dev/injected";
const zoneLabels = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"] as const;

function trimMetadata(raw: RawObject, withLabels = true): MeshObject["metadata"] {
  const wanted = ["uid", "generateName", "creationTimestamp", "deletionTimestamp"] as const;
  const { name, namespace, labels } = raw.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace: intern(namespace) }),
    ...pick(raw.metadata as ObjectMeta, ...wanted),
    ...(withLabels && labels !== undefined ? { labels: internAll(labels) } : {}),
  };
}

function pick<T extends object, K extends keyof T>(from: T, ...names: readonly K[]): Pick<T, K> {
  const kept: Partial<Pick<T, K>> = {};
  for (const name of names) if (from[name] != null) kept[name] = from[name];
  return kept as Pick<T, K>;
}

/** Texts that thousands of objects share, once; forgotten when there are too many to be shared ones. */
let known = new Map<string, string>();
const maxKnown = 20_000;

function intern(text: string): string {
  const same = known.get(text);
  if (same !== undefined) return same;
  if (known.size >= maxKnown) known = new Map();
  known.set(text, text);
  return text;
}

function internAll(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, intern(text)]));
}
