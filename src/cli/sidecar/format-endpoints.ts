/** What a sidecar has talked to, for people: each endpoint's health and load. */
import type { DestinationReport } from "../../api/sidecar-pages.ts";
import { formatTable } from "../table.ts";

export function formatEndpoints(page: readonly DestinationReport[]): string {
  if (page.length === 0) return "it has talked to nobody yet\n";
  const head = ["DESTINATION", "ENDPOINT", "WORKLOAD", "HEALTH", "PENDING", "LATENCY", "IDENTITY"];
  const rows = page.flatMap(({ destination, endpoints }) => {
    const name = destination.replaceAll("|", " ");
    if (endpoints.length === 0) return [[name, "none", "-", "-", "-", "-", "-"]];
    return endpoints.map((one) => [
      name,
      one.address,
      one.workload,
      one.avoidedMillis > 0 ? `avoided, ${one.failures} failed` : "good",
      String(one.pending),
      one.latencyMillis === 0 ? "-" : `${one.latencyMillis} ms`,
      one.identity ?? "none, in the clear",
    ]);
  });
  return formatTable([head, ...rows]);
}
