/** What an API server and the mesh's webhook would do to a pod before it runs: checks, and the injection patch. */

import { skipReasons } from "../../injector/eligibility.ts";
import { applyJsonPatch } from "../../injector/json-patch.ts";
import {
  defaultInjection,
  type InjectionOptions,
  injectLabel,
  proxyContainerName,
} from "../../injector/options.ts";
import { injectPod } from "../../injector/patch.ts";
import type { Namespace, Pod } from "../api/kubernetes.ts";
import { resolveUser } from "./pod/process-user.ts";
import type { Programs } from "./programs.ts";

export type Admission =
  | {
      readonly kind: "admitted";
      readonly pod: Pod;
      readonly meshed: boolean;
      readonly warnings: readonly string[];
    }
  /** One sentence for each thing that is wrong. */
  | { readonly kind: "refused"; readonly problems: readonly string[] };

/** The settings of the injector for a mesh on this machine. */
export function createLocalInjection(programs: Programs, trustDomain: string): InjectionOptions {
  return {
    ...defaultInjection,
    version: programs.version,
    image: `remora:${programs.version}`,
    proxyCommand: () => programs.command("proxy"),
    initCommand: programs.command("init"),
    trustDomain,
  };
}

/**
 * Patches as the webhook does, with one difference: a pod that neither its own labels nor its namespace's say
 * anything about is opted in. A cluster has other tenants; a local mesh is started for nothing but the mesh.
 */
export function admitPod(
  pod: Pod,
  namespace: Namespace | undefined,
  options: InjectionOptions,
): Admission {
  const problems = findProblems(pod);
  const labels = { [injectLabel]: "enabled", ...namespace?.metadata.labels };
  const meta = { ...namespace?.metadata, labels };
  const injection = injectPod(pod, meta, options);
  const name = `pod ${pod.metadata.namespace ?? "default"}/${pod.metadata.name}`;
  if (injection.kind === "refuse") problems.push(injection.message);
  if (problems.length > 0) {
    return { kind: "refused", problems: problems.map((problem) => `${name}: ${problem}`) };
  }
  if (injection.kind === "patch") {
    const patched = applyJsonPatch(pod, injection.patch) as Pod;
    const warnings = injection.warnings.map((warning) => `${name}: ${warning}`);
    return { kind: "admitted", pod: patched, meshed: true, warnings };
  }
  if (injection.kind === "skip" && isNoted(injection.reason)) {
    const warnings = [`${name} gets no sidecar: ${skipReasons[injection.reason]}`];
    return { kind: "admitted", pod, meshed: hasSidecar(pod), warnings };
  }
  return { kind: "admitted", pod, meshed: hasSidecar(pod), warnings: [] };
}

function isNoted(reason: keyof typeof skipReasons): boolean {
  return reason !== "opted_out" && reason !== "not_opted_in";
}

/** Also true for a pod whose manifest brings the sidecar along. */
function hasSidecar(pod: Pod): boolean {
  return (pod.spec.initContainers ?? []).some(({ name }) => name === proxyContainerName);
}

function findProblems(pod: Pod): string[] {
  const problems: string[] = [];
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    if ((container.command ?? []).length === 0) {
      problems.push(
        `container "${container.name}" has no command; images are not pulled here, so say in "command" which program of this machine it runs`,
      );
    }
    try {
      resolveUser(container, pod);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems;
}
