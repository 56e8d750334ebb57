/** What the mesh itself says of its policies. */
import { type Check, createCheck, ok, warn } from "./finding.ts";
import { type Condition, type Named, nameOf } from "./objects.ts";

interface Policy extends Named {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

const kinds = ["authorizationpolicies", "meshpolicies"] as const;

const conditions = createCheck("policies", async ({ cluster }) => {
  const lists = await Promise.all(
    kinds.map((kind) => cluster.list<Policy>(`/apis/policy.remora.dev/v1alpha1/${kind}`)),
  );
  const all = lists.flat();
  const wrong = all.flatMap((policy) =>
    (policy.status?.conditions ?? [])
      .filter(({ status }) => status === "False")
      .map(
        ({ type, reason, message }) => `${nameOf(policy)}: not ${type}: ${message ?? reason ?? ""}`,
      ),
  );
  if (wrong.length === 0) return ok(`${all.length} policies, and nothing is wrong with them`);
  return warn(
    "policies are not in force as they were meant",
    "mend what each condition says",
    wrong,
  );
});

export const policyChecks: readonly Check[] = [conditions];
