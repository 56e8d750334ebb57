/** Do NetworkPolicies let sidecars reach each other (15008), the control plane and the kubelet reach them (15020)? */
import { relayPort } from "../../../injector/options.ts";
import { type Check, createCheck, ok, warn } from "./finding.ts";
import { type Named, nameOf, type RunningPod } from "./objects.ts";
import { findCandidates, isMeshed } from "./workloads.ts";

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface PolicyPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

interface Rule {
  readonly ports?: readonly PolicyPort[];
}

export interface NetworkPolicy extends Named {
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
  };
}

const meshPort = 15_008;
const identityPort = 15_012;
const controlPort = 15_010;
/** Names that the sidecar's own container declares. */
const portNames: Readonly<Record<string, number>> = { "remora-metrics": relayPort };

const policies = createCheck("network-policies", async ({ cluster }) => {
  const all = await cluster.list<NetworkPolicy>("/apis/networking.k8s.io/v1/networkpolicies");
  const pods = (await findCandidates(cluster)).filter(isMeshed);
  const problems = pods.flatMap((pod) =>
    findBlocked(pod, all).map((text) => `${nameOf(pod)}: ${text}`),
  );
  if (problems.length === 0) return ok(`${all.length} NetworkPolicies leave the mesh's ports open`);
  return warn(
    "NetworkPolicies close ports that the mesh needs",
    "allow TCP 15008 between the pods, and to remora-system 15010 and 15012",
    problems,
  );
});

/** The ports that are closed for the pod; whom the rules name is not looked at, only that some rule names the port. */
export function findBlocked(pod: RunningPod, all: readonly NetworkPolicy[]): readonly string[] {
  const mine = all.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace &&
      isSelected(spec.podSelector, pod.metadata.labels ?? {}),
  );
  const ingress = mine.filter(({ spec }) => (spec.policyTypes ?? ["Ingress"]).includes("Ingress"));
  const egress = mine.filter(
    ({ spec }) => spec.policyTypes?.includes("Egress") ?? spec.egress !== undefined,
  );
  const inbound = ingress.flatMap(({ spec }) => spec.ingress ?? []);
  const outbound = egress.flatMap(({ spec }) => spec.egress ?? []);
  const closed = (rules: readonly Rule[], ports: readonly number[]): readonly number[] =>
    ports.filter((port) => !rules.some((rule) => isOpen(rule, port)));
  const blockedIn = ingress.length === 0 ? [] : closed(inbound, [meshPort]);
  const blockedOut =
    egress.length === 0 ? [] : closed(outbound, [meshPort, controlPort, identityPort]);
  const names = (list: readonly NetworkPolicy[]): string =>
    list.map(({ metadata }) => metadata.name).join(", ");
  return [
    ...blockedIn.map((port) => `nobody reaches its port ${port} (${names(ingress)})`),
    ...blockedOut.map((port) => `it reaches no port ${port} (${names(egress)})`),
  ];
}

/** A rule without ports is about all of them. */
function isOpen({ ports }: Rule, wanted: number): boolean {
  if (ports === undefined || ports.length === 0) return true;
  return ports.some(({ protocol = "TCP", port, endPort }) => {
    if (protocol !== "TCP") return false;
    if (port === undefined) return true;
    const first = typeof port === "number" ? port : (portNames[port] ?? -1);
    return endPort === undefined ? first === wanted : first <= wanted && wanted <= endPort;
  });
}

function isSelected(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const exact = Object.entries(selector.matchLabels ?? {});
  if (!exact.every(([key, value]) => labels[key] === value)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

export const networkPolicyChecks: readonly Check[] = [policies];
