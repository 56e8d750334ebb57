/** What is wrong with a policy: its shape, and what it does not do among the pods that are there. */
import { AppProtocol } from "../../api/gen/workload_pb.ts";
import type { Pod, Service } from "../../api/kubernetes.ts";
import type { AuthorizationPolicy, AuthorizationRule, MeshPolicy } from "../../api/policy-kinds.ts";
import { kinds } from "../manifests/kinds.ts";
import { formatPath, type Path } from "../manifests/schema.ts";
import { type Callers, checkCallers } from "./check-callers.ts";
import { isAboutRequests, policyReaches } from "./policy.ts";
import { readAppProtocol } from "./protocol.ts";

export interface PolicyProblem {
  /** With an `error` the policy cannot be in force; a `warning` is worth saying. */
  readonly severity: "error" | "warning";
  /** A word for programs, fit to be the reason of a condition. */
  readonly code: "Invalid" | "NoPods" | "NotHttp" | "NoCaller";
  readonly path: Path;
  readonly reason: string;
  readonly hint?: string;
}

/** What a policy is among. */
export interface PolicySurroundings {
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly rootNamespace: string;
  /** Undefined where it is not known who there is. */
  readonly callers?: Callers | undefined;
}

type Policy = AuthorizationPolicy | MeshPolicy;

/** Without surroundings only the policy itself is looked at. */
export function checkPolicy(
  policy: Policy,
  surroundings: PolicySurroundings | undefined,
): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  kinds[policy.kind].check(policy, [], (issue) => {
    problems.push({ severity: "error", code: "Invalid", ...issue });
  });
  if (problems.length > 0 || surroundings === undefined) return problems;
  const { pods, rootNamespace, callers } = surroundings;
  const reached = pods.filter((pod) => policyReaches(policy, pod, rootNamespace));
  if (reached.length === 0) return [findsNothing(policy)];
  if (policy.kind === "MeshPolicy") return [];
  const strangers = callers === undefined ? [] : checkCallers(policy, callers);
  const misplaced = (policy.spec.rules ?? []).flatMap((rule, index) => {
    if (!isAboutRequests(rule)) return [];
    return notHttp(policy, rule, ["spec", "rules", index, "to"], reached, surroundings.services);
  });
  return [...strangers, ...misplaced];
}

function findsNothing(policy: Policy): PolicyProblem {
  const selects = policy.spec.selector !== undefined;
  return {
    severity: "warning",
    code: "NoPods",
    path: selects ? ["spec", "selector"] : ["metadata", "namespace"],
    reason: selects ? "spec.selector: finds no pod" : "there is no pod that it is about",
    hint: "labels are compared with those of pods, in the policy's own namespace",
  };
}

/** One warning for a rule, with the first pod that shows it. */
function notHttp(
  policy: AuthorizationPolicy,
  rule: AuthorizationRule,
  path: Path,
  pods: readonly Pod[],
  services: readonly Service[],
): readonly PolicyProblem[] {
  const { action } = policy.spec;
  for (const pod of pods) {
    for (const [port, protocol] of declaredBytes(pod, services)) {
      const named = rule.to?.ports?.includes(port) === true;
      // An Allow rule for all ports is not meant for this one; a Deny rule shuts it.
      const meant = named || (rule.to?.ports === undefined && action === "Deny");
      if (!meant || rule.to?.notPorts?.includes(port) === true) continue;
      const effect = action === "Deny" ? "keeps everything out" : "lets nothing in";
      const where = `port ${port} of ${pod.metadata.namespace ?? "default"}/${pod.metadata.name}`;
      return [
        {
          severity: "warning",
          code: "NotHttp",
          path,
          reason: `${formatPath(path)}: is about HTTP requests, and ${where} is declared as ${protocol}, so the rule ${effect} there`,
          hint: named ? "leave the port out of to.ports" : "name the HTTP ports in to.ports",
        },
      ];
    }
  }
  return [];
}

/** The ports of the pod that are declared as something that is not HTTP. */
function declaredBytes(pod: Pod, services: readonly Service[]): Map<number, string> {
  const found = new Map<number, string>();
  const ports = pod.spec.containers.flatMap(({ ports }) => ports ?? []);
  for (const { name, containerPort } of ports) {
    if (name === undefined) continue;
    note(found, containerPort, readAppProtocol({ name, port: containerPort }));
  }
  const home = pod.metadata.namespace ?? "default";
  for (const { metadata, spec } of services) {
    if ((metadata.namespace ?? "default") !== home || spec.selector === undefined) continue;
    const selected = Object.entries(spec.selector).every(
      ([label, value]) => pod.metadata.labels?.[label] === value,
    );
    if (!selected) continue;
    for (const port of spec.ports ?? []) {
      const { targetPort = port.port } = port;
      const number =
        typeof targetPort === "number"
          ? targetPort
          : ports.find(({ name }) => name === targetPort)?.containerPort;
      if (number !== undefined) note(found, number, readAppProtocol(port));
    }
  }
  return found;
}

function note(found: Map<number, string>, port: number, protocol: AppProtocol): void {
  if (protocol === AppProtocol.TCP) found.set(port, "tcp");
  else if (protocol === AppProtocol.TLS) found.set(port, "tls");
}
