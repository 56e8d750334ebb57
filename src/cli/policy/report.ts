/** The answer of `remora policy explain`, for people and for programs. */
import type { PolicySnapshot } from "../../api/authorization.ts";
import { type PortPolicy, portPolicy } from "../../api/mesh-policy.ts";
import type { Explanation, PolicyExplanation } from "../../proxy/policy/explain.ts";
import { formatTable } from "../table.ts";
import type { Question } from "./question.ts";

export interface ExplainReport {
  readonly verdict: "permitted" | "denied" | "ambiguous";
  /** What decided; null when it is the lack of a policy. */
  readonly policy: string | null;
  readonly reason: string;
  /** The policy in audit mode that would deny it. */
  readonly audit: string | null;
  readonly paths: readonly string[];
  readonly mesh: PortPolicy;
  readonly policies: readonly PolicyExplanation[];
  readonly warnings: readonly string[];
}

export function createReport(
  { decision, paths, policies }: Explanation,
  snapshot: PolicySnapshot,
  { port }: Question,
  warnings: readonly string[],
): ExplainReport {
  const facts = { paths, mesh: portPolicy(snapshot.mesh, port), policies, warnings };
  switch (decision.kind) {
    case "ambiguous":
      return { verdict: "ambiguous", policy: null, reason: decision.reason, audit: null, ...facts };
    case "denied": {
      const { policy = null, reason } = decision;
      return { verdict: "denied", policy, reason, audit: null, ...facts };
    }
    case "permit": {
      const policy = decision.permit.policy ?? null;
      const reason = policy === null ? "no policy is about it" : `policy ${policy} allows it`;
      const audit = decision.audit === undefined ? null : (decision.audit.policy ?? "none");
      return { verdict: "permitted", policy, reason, audit, ...facts };
    }
  }
}

export function formatReport(report: ExplainReport): string {
  const { verdict, reason, audit, paths, mesh, policies, warnings } = report;
  const lines = [`${verdict}: ${reason}`];
  if (audit !== null) lines.push(`audit mode: would be denied (${audit})`);
  const [path, ...others] = paths;
  if (path !== undefined) lines.push(`path: ${path}`);
  if (others.length > 0) lines.push(`also read as: ${others.join(", ")}`);
  lines.push(`mTLS: ${mesh.mtls}${by(mesh.mtlsPolicy)}`);
  lines.push(`default: ${mesh.defaultAction}${by(mesh.defaultPolicy)}`);
  const rows = policies.flatMap(formatPolicy);
  const head = ["POLICY", "ACTION", "MATCHED", "WHY"];
  const table = rows.length === 0 ? "no policy is about this pod\n" : formatTable([head, ...rows]);
  const notes = warnings.map((warning) => `warning: ${warning}\n`);
  return `${lines.join("\n")}\n\n${table}${notes.length > 0 ? "\n" : ""}${notes.join("")}`;
}

function by(policy: string): string {
  return policy === "" ? "" : ` (MeshPolicy ${policy})`;
}

/** One line for each rule. */
function formatPolicy({ policy, action, audit, matched, rules }: PolicyExplanation): string[][] {
  const verb = action === "allow" ? "Allow" : "Deny";
  const first = [policy, audit ? `${verb}, audit` : verb, matched ? "yes" : "no"];
  const reasons = rules.map((reason, index) =>
    reason === "" ? `rule ${index} matches` : `rule ${index}: ${reason}`,
  );
  const [reason = "it has no rules", ...more] = reasons;
  return [[...first, reason], ...more.map((text) => ["", "", "", text])];
}
