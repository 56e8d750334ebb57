/** The MeshPolicies that hold for a pod, put together port by port: the most specific one that says something decides. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  PortPolicy_DefaultAction as DefaultAction,
  PortPolicy_Mtls as Mtls,
  type PortPolicySchema,
  type WorkloadPolicy as WorkloadPolicyMessage,
  WorkloadPolicySchema,
} from "../../api/gen/remora-policy_pb.ts";
import type { Pod } from "../../api/kubernetes.ts";
import { openWorkloadPolicy, type PortPolicy, type WorkloadPolicy } from "../../api/mesh-policy.ts";
import type { MeshPolicy, MeshPolicySettings } from "../../api/policy-kinds.ts";
import { policyKey, policySelects } from "./policy.ts";

export interface MeshPolicyQuestion {
  readonly pod: Pod;
  readonly rootNamespace: string;
  /** A pod without a sidecar is outside of what the whole mesh was told; a policy that names it still holds. */
  readonly meshed: boolean;
}

/** Undefined when no policy is about the pod. */
export function resolveMeshPolicy(
  policies: readonly MeshPolicy[],
  question: MeshPolicyQuestion,
): WorkloadPolicy | undefined {
  const levels = rankPolicies(policies, question);
  if (levels.every((level) => level.length === 0)) return undefined;
  const numbers = levels.flat().flatMap(({ spec }) => (spec.ports ?? []).map(({ port }) => port));
  const ports = new Map<number, PortPolicy>();
  for (const port of new Set(numbers.sort((a, b) => a - b))) {
    ports.set(port, resolvePort(levels, port));
  }
  return { all: resolvePort(levels, undefined), ports };
}

export function encodeMeshPolicy(policy: WorkloadPolicy): WorkloadPolicyMessage {
  return create(WorkloadPolicySchema, {
    all: encodePort(0, policy.all),
    ports: Array.from(policy.ports, ([port, settings]) => encodePort(port, settings)),
  });
}

/** From the most specific: chosen in the pod's namespace, chosen from the root, the pod's namespace, the mesh. */
function rankPolicies(
  policies: readonly MeshPolicy[],
  { pod, rootNamespace, meshed }: MeshPolicyQuestion,
): readonly MeshPolicy[][] {
  const levels: MeshPolicy[][] = [[], [], [], []];
  const home = pod.metadata.namespace ?? "default";
  for (const policy of policies) {
    const { namespace = "default" } = policy.metadata;
    if (policy.spec.selector !== undefined) {
      if (policySelects(policy, pod, rootNamespace))
        levels[namespace === home ? 0 : 1]?.push(policy);
    } else if (namespace === rootNamespace) {
      if (meshed) levels[3]?.push(policy);
    } else if (namespace === home) {
      levels[2]?.push(policy);
    }
  }
  // The order of their names decides which of two that say the same is named.
  for (const level of levels) level.sort((a, b) => (policyKey(a) < policyKey(b) ? -1 : 1));
  return levels;
}

function resolvePort(levels: readonly MeshPolicy[][], port: number | undefined): PortPolicy {
  const mtls = firstSetting(levels, port, "mtls", "Strict");
  const action = firstSetting(levels, port, "defaultAction", "Deny");
  return {
    mtls: mtls?.strict === true ? "strict" : openWorkloadPolicy.all.mtls,
    mtlsPolicy: mtls?.policy ?? "",
    defaultAction: action?.strict === true ? "deny" : openWorkloadPolicy.all.defaultAction,
    defaultPolicy: action?.policy ?? "",
  };
}

/** Within a level what is said of the port goes before what is said of all, and of two answers the stricter wins. */
function firstSetting(
  levels: readonly MeshPolicy[][],
  port: number | undefined,
  name: keyof MeshPolicySettings,
  strict: "Strict" | "Deny",
): { readonly strict: boolean; readonly policy: string } | undefined {
  for (const level of levels) {
    const ofPort = level.flatMap((policy) => {
      const settings = policy.spec.ports?.find((entry) => entry.port === port);
      return settings?.[name] === undefined ? [] : [{ policy, value: settings[name] }];
    });
    const ofAll = level.flatMap((policy) => {
      const value = policy.spec[name];
      return value === undefined ? [] : [{ policy, value }];
    });
    const answers = ofPort.length > 0 ? ofPort : ofAll;
    const answer = answers.find(({ value }) => value === strict) ?? answers[0];
    if (answer !== undefined) {
      return { strict: answer.value === strict, policy: policyKey(answer.policy) };
    }
  }
  return undefined;
}

function encodePort(port: number, settings: PortPolicy): MessageInitShape<typeof PortPolicySchema> {
  return {
    port,
    mtls: settings.mtls === "strict" ? Mtls.STRICT : Mtls.PERMISSIVE,
    mtlsPolicy: settings.mtlsPolicy,
    defaultAction: settings.defaultAction === "deny" ? DefaultAction.DENY : DefaultAction.ALLOW,
    defaultPolicy: settings.defaultPolicy,
  };
}
