/** What failed lately at a sidecar, for people: each kind with how often, when, and an example. */
import type { FailureReport } from "../../api/sidecar-pages.ts";
import { formatAge, formatTable } from "../table.ts";

export function formatFailures(page: readonly FailureReport[], now: number): string {
  if (page.length === 0) return "nothing has failed since it started\n";
  const head = ["LAST", "TIMES", "ERROR", "DIRECTION", "SERVICE", "PEER", "EXAMPLE", "DETAIL"];
  const rows = page.map((one) => [
    `${formatAge(now - Date.parse(one.last))} ago`,
    String(one.count),
    one.error,
    one.direction,
    one.service || "-",
    one.peer === "unknown" ? "-" : one.peer || one.client || "-",
    describeExample(one),
    [one.detail, one.policy && `policy ${one.policy}`].filter(Boolean).join(", ") || "-",
  ]);
  return `${formatTable([head, ...rows])}\nWhat to do about each error: docs/errors.md\n`;
}

function describeExample({ method, authority, path, protocol }: FailureReport): string {
  if (method === undefined) return protocol ?? "connection";
  return `${method} ${authority ?? ""}${path ?? ""}`;
}
