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
