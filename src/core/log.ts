/** JSON log lines by pino, written in place: a worker thread would cost a sidecar more memory than it saves time. */
import { type Level, type Logger, pino } from "pino";
import type { LogOutput } from "./log-output.ts";

export type Log = Logger;
export const logLevels: readonly Level[] = ["fatal", "error", "warn", "info", "debug", "trace"];

/** A logger whose lines carry the program's name. */
export function createLog(program: string, level: string, output: LogOutput): Log {
  return pino(
    {
      level,
      base: { program },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
}

/**
 * For what happens tens of thousands of times a second: the line of `log.info({ [kind]: event }, kind)` at a third of its
 * cost, gathered with others of the same turn. Left out while the log's level does, as there.
 */
export function createEventLog(log: Log, output: LogOutput, kind: string): (event: object) => void {
  const base = JSON.stringify(log.bindings()).slice(1, -1);
  const [begin, middle, end] = [
    '{"level":"info","time":"',
    `",${base},"${kind}":`,
    `,"msg":"${kind}"}\n`,
  ];
  let now = 0;
  let time = "";
  return (event) => {
    if (!log.isLevelEnabled("info")) return;
    const at = Date.now();
    if (at !== now) {
      now = at;
      time = new Date(at).toISOString();
    }
    output.gather(begin + time + middle + JSON.stringify(event) + end);
  };
}
