import { setTimeout as delay } from "node:timers/promises";
import { parseDuration } from "../../core/duration.ts";
import { findPrograms } from "../../local/programs.ts";
import { type Finding, formatFindings, isFailed } from "../check/finding.ts";
import { type Phase, runChecks } from "../check/run-checks.ts";
import { openCluster } from "../cluster.ts";
import {
  accessHelp,
  accessOptions,
  type ClusterChoice,
  readClusterOptions,
} from "../cluster-options.ts";
import {
  type Arguments,
  type Command,
  takePositionals,
  textOption,
  UsageError,
} from "../command.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";

/** Between two rounds of --wait. */
const pause = 2_000;

export const checkCommand: Command = {
  name: "check",
  summary: "say whether a cluster is ready for the mesh, and whether its mesh is well",
  usage: "check [--pre] [--wait] [--timeout 2m] [--output json]",
  options: {
    ...accessOptions,
    pre: { type: "boolean" },
    wait: { type: "boolean" },
    timeout: { type: "string" },
    ...outputOption,
  },
  optionHelp: {
    pre: "what an installation needs, even if a mesh is there",
    wait: "look again until nothing is wrong",
    timeout: "how long to wait, 2m when left out",
    ...outputHelp,
    ...accessHelp,
  },
  examples: [
    ["remora check --pre", "may it be installed here?"],
    ["remora check", "is all well? 0 when nothing is wrong, 1 otherwise"],
    ["remora check --wait --timeout 5m", "after an installation, in a script"],
    ["remora check --output json", "for programs: every finding with its check's name"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const format = readOutputOption(args);
    const limit = readTimeout(args);
    const choice = readClusterOptions(args, environment);
    const phase: Phase | undefined = args.values["pre"] === true ? "before" : undefined;
    const { version } = findPrograms();
    const look = (): Promise<Outcome> => lookOnce(choice, phase, version);
    const outcome = args.values["wait"] === true ? await lookUntilGood(look, limit) : await look();
    const ok = !isFailed(outcome.findings);
    process.stdout.write(
      format === "json"
        ? formatJson({ ok, phase: outcome.phase, findings: outcome.findings })
        : formatFindings(outcome.findings, process.stdout),
    );
    return ok ? 0 : 1;
  },
};

interface Outcome {
  readonly phase: Phase;
  readonly findings: readonly Finding[];
}

/** A new client each time: it keeps what it has read. */
async function lookOnce(
  choice: ClusterChoice,
  phase: Phase | undefined,
  version: string,
): Promise<Outcome> {
  const cluster = await openCluster(choice);
  try {
    return await runChecks(cluster, phase, version);
  } finally {
    cluster.close();
  }
}

/** Tells on stderr what it waits for, once for each change. */
async function lookUntilGood(look: () => Promise<Outcome>, limit: number): Promise<Outcome> {
  const deadline = performance.now() + limit;
  let told = "";
  for (;;) {
    const outcome = await look();
    const wrong = outcome.findings.filter(({ verdict }) => verdict === "fail");
    if (wrong.length === 0 || performance.now() + pause > deadline) return outcome;
    const text = wrong.map(({ check, what }) => `${check}: ${what}`).join("; ");
    if (text !== told) process.stderr.write(`waiting: ${text}\n`);
    told = text;
    await delay(pause);
  }
}

function readTimeout(args: Arguments): number {
  const text = textOption(args, "timeout") ?? "2m";
  const timeout = parseDuration(text);
  if (timeout === undefined) {
    throw new UsageError(`--timeout is "${text}", and must be a duration such as 2m`);
  }
  return timeout;
}
