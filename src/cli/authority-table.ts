/** The authority's state as a person reads it. */
import type { AuthorityStatus } from "../identity/cluster/authority-status.ts";
import { formatTable } from "./table.ts";

/** So many pods are named; the rest is a number. */
const namedLaggards = 20;

export function formatAuthority(status: AuthorityStatus): string {
  const { issuer, roots, pods, bundle, namespaces, replicas } = status;
  const certificates = [
    ["CERTIFICATE", "FINGERPRINT", "ENDS", "STATE"],
    ...roots.map(({ fingerprint, notAfter, role }) => ["root", fingerprint, notAfter, role]),
    ...(issuer === null ? [] : [["issuer", issuer.fingerprint, issuer.notAfter, status.origin]]),
  ];
  const bundles = [
    ["TRUST BUNDLE", "PODS", ""],
    ...Object.entries(pods.bundles).map(([hash, count]) => {
      return [hash, String(count), hash === bundle ? "current" : "behind"];
    }),
  ];
  const sections = [
    formatTable(headOf(status)),
    formatTable(certificates),
    pods.total === 0 ? "no pod has a sidecar\n" : formatTable(bundles),
    laggardsOf(status),
    replicas.length === 0
      ? ""
      : formatTable([
          ["REPLICA", "ISSUES UNDER"],
          ...replicas.map(({ pod, issuer, problem }) => [pod, issuer ?? problem ?? "unknown"]),
        ]),
    namespaces.pending === 0 ? "" : `${namespaces.pending} namespaces lack the trust bundle\n`,
    status.notes.map((note) => `! ${note}\n`).join(""),
  ];
  return sections.filter((text) => text !== "").join("\n");
}

function headOf({ phase, since, retireAt, leader, at }: AuthorityStatus): string[][] {
  const from = phase === "idle" || since === null ? "" : `since ${since}`;
  const until = retireAt === null ? "" : `the old root goes at ${retireAt}`;
  const words = [phase, from, until].filter((text) => text !== "");
  return [
    ["rotation", words.join(", ")],
    ["leader", `${leader}, at ${at}`],
  ];
}

function laggardsOf({ pods }: AuthorityStatus): string {
  if (pods.laggards.length === 0) return "";
  const rows = pods.laggards
    .slice(0, namedLaggards)
    .map(({ pod, bundle, problem }) => [pod, bundle ?? "unknown", problem ?? ""]);
  const more = pods.laggards.length - rows.length;
  const table = formatTable([["POD BEHIND", "TRUST BUNDLE", "PROBLEM"], ...rows]);
  return more > 0 ? `${table}and ${more} more\n` : table;
}
