/** Callers of a policy that do not exist: of a name with a slip in it nothing else would ever tell. */
import type { AuthorizationPeers, AuthorizationPolicy } from "../../api/policy-kinds.ts";
import { parseSpiffeId, spiffeIdParts } from "../../core/spiffe-id.ts";
import { formatPath } from "../manifests/schema.ts";
import type { PolicyProblem } from "./check-policy.ts";
import { accountNamed, namespaceOf, withoutScheme } from "./policy.ts";

/** Who may call in this mesh. */
export interface Callers {
  readonly trustDomain: string;
  /** By name. */
  readonly namespaces: { has(name: string): boolean };
  /** By `NAMESPACE/NAME`. */
  readonly serviceAccounts: { has(key: string): boolean };
}

/** One warning for each rule with such names. Patterns are not looked at, nor identities of other trust domains. */
export function checkCallers(
  policy: AuthorizationPolicy,
  callers: Callers,
): readonly PolicyProblem[] {
  return (policy.spec.rules ?? []).flatMap(({ from }, index): PolicyProblem[] => {
    const missing = [...new Set(from === undefined ? [] : missingOf(from, policy, callers))];
    if (missing.length === 0) return [];
    const path = ["spec", "rules", index, "from"];
    return [
      {
        severity: "warning",
        code: "NoCaller",
        path,
        reason: `${formatPath(path)}: there is no ${missing.join(", no ")}`,
        hint: "a name counts as soon as there is something that bears it",
      },
    ];
  });
}

function missingOf(from: AuthorizationPeers, policy: AuthorizationPolicy, callers: Callers) {
  const { principals, notPrincipals, serviceAccounts, notServiceAccounts } = from;
  const accounts = [
    ...exact(serviceAccounts, notServiceAccounts).map((name) =>
      accountNamed(name, namespaceOf(policy)),
    ),
    ...exact(principals, notPrincipals).flatMap((name) => {
      const id = parseSpiffeId(`spiffe://${withoutScheme(name)}`);
      const parts = id === undefined ? undefined : spiffeIdParts(id);
      return parts?.trustDomain === callers.trustDomain ? [parts] : [];
    }),
  ].map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`);
  return [
    ...exact(from.namespaces, from.notNamespaces)
      .filter((name) => !callers.namespaces.has(name))
      .map((name) => `Namespace ${name}`),
    ...accounts
      .filter((key) => !callers.serviceAccounts.has(key))
      .map((key) => `ServiceAccount ${key}`),
  ];
}

/** Those of both lists that are no patterns. */
function exact(names: readonly string[] = [], notNames: readonly string[] = []): string[] {
  return [...names, ...notNames].filter((name) => !name.includes("*"));
}
