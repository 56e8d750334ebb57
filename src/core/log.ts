/** JSON log lines by pino, written synchronously: a worker thread would cost a sidecar more memory than it saves time. */
import { destination, type Level, type Logger, pino } from "pino";

export type Log = Logger;
export const logLevels: readonly Level[] = ["fatal", "error", "warn", "info", "debug", "trace"];

/** A logger on standard output whose lines carry the program's name. */
export function createLog(program: string, level: string): Log {
  return pino(
    {
      level,
      base: { program },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 1, sync: true }),
  );
}
