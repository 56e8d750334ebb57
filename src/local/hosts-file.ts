/** Names without a name server: each pod has a hosts file with its own name, and every Service that it may call. */
import type { Pod, Service } from "../api/kubernetes.ts";

/** A pod as other pods know it. */
export interface NamedPod {
  readonly pod: Pod;
  readonly ip: string;
  readonly ready: boolean;
}

export interface NamedService {
  readonly service: Service;
  /** Undefined for a headless Service. */
  readonly address: string | undefined;
}

export interface NameTable {
  readonly pods: readonly NamedPod[];
  readonly services: readonly NamedService[];
}

/**
 * The file for one pod. A pod with a sidecar gets a Service's virtual address. Without one there is nobody who turns
 * that into a pod's, so the name stands for the ready pods themselves, as a headless Service's does.
 */
export function formatHostsFile(self: NamedPod, meshed: boolean, table: NameTable): string {
  const namespace = self.pod.metadata.namespace ?? "default";
  const lines = [
    "127.0.0.1 localhost",
    "::1 localhost ip6-localhost ip6-loopback",
    `${self.ip} ${self.pod.metadata.name}`,
  ];
  for (const { service, address } of table.services) {
    const names = serviceNames(service, namespace);
    const backends = table.pods.filter((candidate) => isBackend(service, candidate));
    if (address !== undefined && meshed) lines.push(`${address} ${names.join(" ")}`);
    else for (const { ip } of backends) lines.push(`${ip} ${names.join(" ")}`);
    for (const { pod, ip } of address === undefined ? backends : []) {
      lines.push(`${ip} ${names.map((name) => `${pod.metadata.name}.${name}`).join(" ")}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function serviceNames(service: Service, readerNamespace: string): string[] {
  const { name, namespace = "default" } = service.metadata;
  const names = [`${name}.${namespace}`, `${name}.${namespace}.svc`];
  names.push(`${name}.${namespace}.svc.cluster.local`);
  return namespace === readerNamespace ? [name, ...names] : names;
}

function isBackend(service: Service, candidate: NamedPod): boolean {
  const usable = candidate.ready || service.spec.publishNotReadyAddresses === true;
  return usable && selects(service, candidate.pod);
}

/** A Service without a selector has no pods: somebody else would fill in its addresses. */
export function selects(service: Service, pod: Pod): boolean {
  const { selector } = service.spec;
  const same = (service.metadata.namespace ?? "default") === (pod.metadata.namespace ?? "default");
  if (!same || selector === undefined || Object.keys(selector).length === 0) return false;
  return Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value);
}
