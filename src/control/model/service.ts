/** A Kubernetes Service as a service of the mesh. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  LoadBalancing_HealthPolicy,
  type PortSchema,
  type Service as ServiceMessage,
  ServiceSchema,
} from "../../api/gen/workload_pb.ts";
import type { Container, Pod, Service, ServicePort } from "../../api/kubernetes.ts";
import { normalizeIp, parseIpBytes } from "../../core/address.ts";
import { readAppProtocol } from "./protocol.ts";

/** Who says which pods are behind a Service: its selector, or the EndpointSlices of a cluster. */
export type Membership = "selectors" | "slices";

export interface ModelService {
  readonly object: Service;
  /** `NAMESPACE/HOSTNAME`. */
  readonly key: string;
  readonly namespace: string;
  readonly hostname: string;
  /** Normal text form; none for a headless service. */
  readonly addresses: readonly string[];
  /** Endpoints that are not ready are used too. */
  readonly allowUnhealthy: boolean;
  readonly uid: string;
  readonly leaving: boolean;
  /** When it was made. */
  readonly since: string;
}

/**
 * Undefined for names that stand for something else (ExternalName). A service without a selector has no pods to be
 * found by, so where there are no EndpointSlices to name its endpoints it is left alone.
 */
export function readService(
  object: Service,
  clusterDomain: string,
  membership: Membership,
): ModelService | undefined {
  const { selector, type } = object.spec;
  const hasSelector = selector !== undefined && Object.keys(selector).length > 0;
  if (!hasSelector && membership === "selectors") return undefined;
  if (type === "ExternalName" || object.metadata.deletionTimestamp !== undefined) return undefined;
  const { name, namespace = "default" } = object.metadata;
  const hostname = hostnameOf(name, namespace, clusterDomain);
  return {
    object,
    key: `${namespace}/${hostname}`,
    namespace,
    hostname,
    addresses: addressesOf(object),
    allowUnhealthy: object.spec.publishNotReadyAddresses === true,
    uid: object.metadata.uid ?? name,
    leaving: false,
    since: object.metadata.creationTimestamp ?? "",
  };
}

export function hostnameOf(name: string, namespace: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

function addressesOf(service: Service): string[] {
  const { clusterIP, clusterIPs } = service.spec;
  const given = clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]);
  return given.filter((ip) => parseIpBytes(ip) !== undefined).map(normalizeIp);
}

/** Whether the service's selector finds the pod; one without a selector finds none. */
export function selects(service: ModelService, pod: Pod): boolean {
  const wanted = Object.entries(service.object.spec.selector ?? {});
  return (
    wanted.length > 0 && wanted.every(([label, value]) => pod.metadata.labels?.[label] === value)
  );
}

/** `addresses` are those of its addresses that are its own. */
export function encodeService(service: ModelService, addresses: readonly string[]): ServiceMessage {
  const { object, namespace, hostname } = service;
  const { name } = object.metadata;
  const message: MessageInitShape<typeof ServiceSchema> = {
    name,
    namespace,
    hostname,
    addresses: addresses.map((ip) => ({ address: bytesOf(ip) })),
    ports: tcpPorts(object).map((port) => ({
      servicePort: port.port,
      // 0: named, so each endpoint says it.
      targetPort: typeof port.targetPort === "string" ? 0 : (port.targetPort ?? port.port),
      appProtocol: readAppProtocol(port),
    })),
  };
  if (service.allowUnhealthy) {
    message.loadBalancing = { healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL };
  }
  return create(ServiceSchema, message);
}

export type PortInit = MessageInitShape<typeof PortSchema>;

/** The service's ports on one pod; a port whose name the pod does not have is left out. */
export function portsOnPod(service: Service, pod: Pod): PortInit[] {
  return tcpPorts(service).flatMap((port) => {
    const targetPort = resolveTargetPort(port, pod);
    if (targetPort === undefined) return [];
    return [{ servicePort: port.port, targetPort, appProtocol: readAppProtocol(port) }];
  });
}

function resolveTargetPort(port: ServicePort, pod: Pod): number | undefined {
  const { targetPort } = port;
  if (typeof targetPort !== "string") return targetPort ?? port.port;
  for (const container of listeningContainers(pod)) {
    for (const candidate of container.ports ?? []) {
      const isTcp = (candidate.protocol ?? "TCP") === "TCP";
      if (candidate.name === targetPort && isTcp) return candidate.containerPort;
    }
  }
  return undefined;
}

/** Ordinary containers and native sidecars. */
function listeningContainers(pod: Pod): readonly Container[] {
  const sidecars = (pod.spec.initContainers ?? []).filter(
    (container) => container.restartPolicy === "Always",
  );
  return [...pod.spec.containers, ...sidecars];
}

export function tcpPorts(service: Service): readonly ServicePort[] {
  return (service.spec.ports ?? []).filter((port) => (port.protocol ?? "TCP") === "TCP");
}

function bytesOf(ip: string): Uint8Array {
  return parseIpBytes(ip) ?? new Uint8Array(0);
}
