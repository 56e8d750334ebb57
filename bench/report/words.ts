/** The sentences around the published table, all of them made from the figures. */
import { judge } from "./budgets.ts";
import { allowed, failed, figureOf } from "./markdown.ts";
import type { Results } from "./results.ts";

/** One row in which another is better. */
export interface Behind {
  readonly row: string;
  readonly own: string;
  readonly best: string;
  readonly who: string;
  /** Remora's figure divided by the best one. */
  readonly factor: number;
}

export function howMeasured(results: Results): string {
  const processor = results.machine["processor"] ?? "an unknown processor";
  return `A pair of proxies with mutual TLS 1.3 between them, both on one core; every peer on the same machine in the same run (${day(results)},
${processor}, medians of ${results.rounds} rounds of ${results.seconds} s). The first rows are microseconds of CPU per request and hop; MB are 10^6 bytes. Best in
bold. \`npm run bench -- --quick\` measures it again, [docs/performance.md](docs/performance.md) explains it.`;
}

export const whoHasWhat: string =
  "Remora has its metrics and policy on, finds its peers by discovery, and fetches certificate and policies before it is ready. HAProxy (the better of HTTP/1 and HTTP/2\n" +
  "between the pair) and bare Envoy read a file, forward and encrypt, and keep no log; Envoy as a mesh has it adds an access log, request ids and one RBAC rule.";

/** Empty ground is said too: a reader must not take silence for praise. */
export function whereBehind(rows: readonly Behind[]): string {
  if (rows.length === 0) return "**Where Remora is behind:** in no row of this run.";
  const lines = rows.map(
    ({ row, own, best, who, factor }) => `- ${row}: ${own}, ${who} ${best} (${factor.toFixed(2)}x)`,
  );
  return `**Where Remora is behind** in this run:\n\n${lines.join("\n")}`;
}

/** One line for each kind of budget, with the scenarios in which it is missed. */
export function missedBudgets(results: Results): string {
  const judged = judge(results, "remora").filter(({ passed }) => passed !== undefined);
  const missed = judged.filter(({ passed }) => passed === false);
  const of = `**Of the ${judged.length} budgets of its design** that this run can judge`;
  if (missed.length === 0) return `${of}, it keeps all.`;
  const kinds = Map.groupBy(missed, ({ budget }) => budget.what);
  const lines = Array.from(kinds, ([what, verdicts]) => {
    const where = verdicts.map(
      (verdict) =>
        `${figureOf(verdict)}${failed(verdict)} in \`${verdict.budget.scenario}\` (allowed ${allowed(verdict)})`,
    );
    return `- ${what}: ${where.join(", ")}`;
  });
  return `${of}, it misses ${missed.length}:\n\n${lines.join("\n")}`;
}

export function missingPeers(results: Results): string[] {
  return results.peers.flatMap(({ name, missing }) =>
    missing === undefined ? [] : [`${name} took no part: ${missing}.`],
  );
}

export function day(results: Results): string {
  return results.date.slice(0, 10);
}
