/** How a program of the mesh begins and ends: its settings, the first and the last line of its log, signals, exit codes. */
import { ConfigError } from "./config-table.ts";
import { endProcess } from "./end-process.ts";
import { createLog, type Log } from "./log.ts";
import { type LogOutput, openLogOutput } from "./log-output.ts";

/** What of the process a program touches; only `src/bin` has it to give. */
export interface ProgramHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: { write(text: string): unknown };
  once(signal: "SIGTERM" | "SIGINT", listener: (signal: string) => void): unknown;
  once(event: "exit", listener: () => void): unknown;
  exit(code: number): unknown;
}

export interface Program<Config> {
  readonly name: string;
  /** Throws a ConfigError with every problem. */
  readonly readConfig: (environment: ProgramHost["env"]) => Config;
  readonly logLevelOf: (config: Config) => string;
  /** The settings as the log shows them, where they do not print as they are. */
  readonly describe?: (config: Config) => object;
  /**
   * Resolves with what is worth a line when the program does its work. Whatever must be ended in order is handed to
   * `closeWith` as soon as it is there; a signal before that ends the process at once. `output` is where `log` writes.
   */
  readonly start: (
    config: Config,
    log: Log,
    closeWith: (close: () => Promise<void>) => void,
    output: LogOutput,
  ) => Promise<object>;
}

const usageError = 64; // EX_USAGE
const standardOutput = 1;

/** Runs until a signal; exits with 0 after an orderly end, 1 when it cannot start or end, 64 when a setting is wrong. */
export async function runProgram<Config>(
  host: ProgramHost,
  program: Program<Config>,
): Promise<void> {
  const config = readConfig(host, program);
  if (config === undefined) return;
  const output = openLogOutput(standardOutput);
  host.once("exit", () => output.flush());
  const log = createLog(program.name, program.logLevelOf(config), output);
  log.info({ config: program.describe?.(config) ?? config }, "starting");
  let close = async (): Promise<void> => undefined;
  let draining = false;
  const stop = (signal: string): void => {
    if (draining) return;
    draining = true;
    log.info({ signal }, "draining");
    close().then(
      () => {
        log.info("stopped");
        return endProcess(host, 0);
      },
      (error: unknown) => {
        log.fatal({ err: error }, "cannot stop");
        return endProcess(host, 1);
      },
    );
  };
  // The first process of a container ignores signals that nobody has asked for.
  host.once("SIGTERM", stop);
  host.once("SIGINT", stop);
  try {
    const closeWith = (next: typeof close): void => void (close = next);
    const facts = await program.start(config, log, closeWith, output);
    log.info(facts, "ready");
  } catch (error) {
    // What is torn down while it starts may well fail.
    if (draining) return;
    log.fatal({ err: error }, "cannot start");
    await endProcess(host, 1);
  }
}

function readConfig<Config>(host: ProgramHost, program: Program<Config>): Config | undefined {
  try {
    return program.readConfig(host.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    host.stderr.write(`${program.name}: ${error.problems.join(`\n${program.name}: `)}\n`);
    host.exit(usageError);
    return undefined;
  }
}
