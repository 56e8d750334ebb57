/** What a check found, and how it is shown. */
import type { WriteStream } from "node:tty";
import type { Cluster } from "../cluster.ts";
import { paint } from "../colour.ts";

export type Verdict = "ok" | "warn" | "fail";

export interface Finding {
  /** Stable, for programs: `webhook`, `unmeshed-pods`. */
  readonly check: string;
  readonly verdict: Verdict;
  /** One sentence on what is so. */
  readonly what: string;
  /** One sentence on what to do; nothing needs to be done when it is missing. */
  readonly next?: string;
  /** The objects that it is about. */
  readonly objects?: readonly string[];
}

export interface CheckContext {
  readonly cluster: Cluster;
  /** Of this program. */
  readonly version: string;
  /** Milliseconds since 1970, by the API server's clock. */
  readonly now: number;
}

export interface Check {
  readonly name: string;
  run(context: CheckContext): Promise<readonly Finding[]>;
}

/** A check with one answer. */
export function createCheck(
  name: string,
  run: (
    context: CheckContext,
  ) => Promise<Omit<Finding, "check"> | readonly Omit<Finding, "check">[]>,
): Check {
  return {
    name,
    async run(context) {
      const found = await run(context);
      const all: readonly Omit<Finding, "check">[] = Array.isArray(found) ? found : [found];
      return all.map((one) => ({ check: name, ...one }));
    },
  };
}

export function ok(what: string): Omit<Finding, "check"> {
  return { verdict: "ok", what };
}

export function warn(
  what: string,
  next: string,
  objects?: readonly string[],
): Omit<Finding, "check"> {
  return { verdict: "warn", what, next, ...(objects !== undefined && { objects }) };
}

export function fail(
  what: string,
  next: string,
  objects?: readonly string[],
): Omit<Finding, "check"> {
  return { verdict: "fail", what, next, ...(objects !== undefined && { objects }) };
}

/** More would hide the findings that come after it; JSON has all of them. */
const shownObjects = 10;

const signs: Readonly<Record<Verdict, readonly [sign: string, style: "green" | "yellow" | "red"]>> =
  { ok: ["✓", "green"], warn: ["!", "yellow"], fail: ["✗", "red"] };

export function formatFindings(findings: readonly Finding[], stream: WriteStream): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = " ".repeat(width + 4);
  const lines = findings.flatMap(({ check, verdict, what, next, objects = [] }) => {
    const [sign, style] = signs[verdict];
    const shown = objects.slice(0, shownObjects).map((object) => `${indent}- ${object}`);
    const more = objects.length - shown.length;
    return [
      `${paint(stream, style, sign)} ${check.padEnd(width)}  ${what}`,
      ...shown,
      ...(more > 0 ? [`${indent}- and ${more} more`] : []),
      ...(next === undefined ? [] : [`${indent}→ ${next}`]),
    ];
  });
  return `${lines.join("\n")}\n\n${summarize(findings)}\n`;
}

export function isFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ verdict }) => verdict === "fail");
}

function summarize(findings: readonly Finding[]): string {
  const count = (verdict: Verdict): number =>
    findings.filter((finding) => finding.verdict === verdict).length;
  return `${count("ok")} good, ${count("warn")} to look at, ${count("fail")} wrong`;
}
