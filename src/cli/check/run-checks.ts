/** All checks in order, for a cluster with or without a mesh. */
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import type { Cluster } from "../cluster.ts";
import { baseChecks, installChecks } from "./before.ts";
import { certificateChecks } from "./certificates.ts";
import { clockChecks, nodeClockChecks, readServerTime } from "./clocks.ts";
import type { Check, CheckContext, Finding } from "./finding.ts";
import { networkPolicyChecks } from "./network-policies.ts";
import { policyChecks } from "./policies.ts";
import { deploymentPath, programChecks, programNames } from "./programs.ts";
import { webhookChecks } from "./webhook.ts";
import { workloadChecks } from "./workloads.ts";

export type Phase = "before" | "installed";

const checksOf: Readonly<Record<Phase, readonly Check[]>> = {
  before: [...baseChecks, ...clockChecks, ...installChecks],
  installed: [
    ...baseChecks,
    ...programChecks,
    ...webhookChecks,
    ...certificateChecks,
    ...clockChecks,
    ...nodeClockChecks,
    ...workloadChecks,
    ...networkPolicyChecks,
    ...policyChecks,
  ],
};

/** A mesh is there when any of its programs is. */
export async function findPhase(cluster: Cluster): Promise<Phase> {
  const found = await Promise.all(programNames.map((name) => cluster.get(deploymentPath(name))));
  return found.some((deployment) => deployment !== undefined) ? "installed" : "before";
}

/** One check's failure to look is its own finding; an API server that does not answer is the only one. */
export async function runChecks(
  cluster: Cluster,
  phase: Phase | undefined,
  version: string,
): Promise<{ readonly phase: Phase; readonly findings: readonly Finding[] }> {
  try {
    const chosen = phase ?? (await findPhase(cluster).catch(assumeNone));
    const now = await readServerTime(cluster).catch(() => Date.now());
    const context: CheckContext = { cluster, version, now: Number.isNaN(now) ? Date.now() : now };
    const findings: Finding[] = [];
    for (const check of checksOf[chosen]) findings.push(...(await runOne(check, context)));
    return { phase: chosen, findings };
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    return { phase: phase ?? "before", findings: [describeUnreachable(error)] };
  }
}

/** Whoever may not look for a mesh is told more by the checks that need little. */
function assumeNone(error: unknown): Phase {
  if (error instanceof KubernetesError && error.status === 403) return "before";
  throw error;
}

async function runOne(check: Check, context: CheckContext): Promise<readonly Finding[]> {
  try {
    return await check.run(context);
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status === 0) throw error;
    const isForbidden = error.status === 403;
    return [
      {
        check: check.name,
        verdict: "warn",
        what: isForbidden ? "you may not look at this" : "the API server did not tell",
        next: isForbidden ? "ask somebody who may, such as a cluster-admin" : "run the check again",
        objects: [error.message],
      },
    ];
  }
}

function describeUnreachable({ status, message }: KubernetesError): Finding {
  const isRefused = status === 401 || status === 403;
  return {
    check: "api-server",
    verdict: "fail",
    what: isRefused
      ? "the API server does not take your credentials"
      : "the API server does not answer",
    next: isRefused
      ? "renew the credentials of the kubeconfig's context"
      : "look at the server's address in the kubeconfig, and whether it can be reached from here",
    objects: [message],
  };
}
