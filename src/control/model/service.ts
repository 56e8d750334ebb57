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

export interface ModelService {
  readonly object: Service;
  /** `NAMESPACE/HOSTNAME`. */
  readonly key: string;
  readonly hostname: string;
  /** Normal text form; none for a headless service. */
  readonly addresses: readonly string[];
}

/** Undefined for services without a selector: their endpoints are none of the mesh's, so they are left alone. */
export function readService(object: Service, clusterDomain: string): ModelService | undefined {
  const { selector, type } = object.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return undefined;
  if (type === "ExternalName" || object.metadata.deletionTimestamp !== undefined) return undefined;
  const { name, namespace = "default" } = object.metadata;
  const hostname = `${name}.${namespace}.svc.${clusterDomain}`;
  return { object, key: `${namespace}/${hostname}`, hostname, addresses: addressesOf(object) };
}

function addressesOf(service: Service): string[] {
  const { clusterIP, clusterIPs } = service.spec;
  const given = clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]);
  return given.filter((ip) => parseIpBytes(ip) !== undefined).map(normalizeIp);
}

/** Whether the service's selector finds the pod. */
export function selects(service: ModelService, pod: Pod): boolean {
  return Object.entries(service.object.spec.selector ?? {}).every(
    ([label, value]) => pod.metadata.labels?.[label] === value,
  );
}

export function encodeService(service: ModelService): ServiceMessage {
  const { object, hostname, addresses } = service;
  const { name, namespace = "default" } = object.metadata;
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
  if (object.spec.publishNotReadyAddresses === true) {
    message.loadBalancing = { healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL };
  }
  return create(ServiceSchema, message);
}

/** The service's ports on one pod; a port whose name the pod does not have is left out. */
export function portsOnPod(service: Service, pod: Pod): MessageInitShape<typeof PortSchema>[] {
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

function tcpPorts(service: Service): readonly ServicePort[] {
  return (service.spec.ports ?? []).filter((port) => (port.protocol ?? "TCP") === "TCP");
}

function bytesOf(ip: string): Uint8Array {
  return parseIpBytes(ip) ?? new Uint8Array(0);
}
