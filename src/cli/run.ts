/** From a command line to an exit code: 0 done, 1 failed, 64 not understood, else what an exec'd command gave. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { nearest } from "../control/manifests/nearest.ts";
import { UserError } from "../local/user-error.ts";
import { type Arguments, type Command, type Environment, UsageError } from "./command.ts";
import { applyCommand } from "./commands/apply.ts";
import { deleteCommand } from "./commands/delete.ts";
import { downCommand } from "./commands/down.ts";
import { execCommand } from "./commands/exec.ts";
import { logsCommand } from "./commands/logs.ts";
import { psCommand } from "./commands/ps.ts";
import { upCommand } from "./commands/up.ts";
import { versionCommand } from "./commands/version.ts";
import { formatCommandHelp, formatOverview } from "./help.ts";

const commands: readonly Command[] = [
  upCommand,
  downCommand,
  psCommand,
  logsCommand,
  execCommand,
  applyCommand,
  deleteCommand,
  versionCommand,
];
const usageError = 64; // EX_USAGE
/** A reader that went away, as in `remora logs x | head`. */
const brokenPipe = 141;

/** Never throws: whatever goes wrong is one sentence on stderr and an exit code. */
export async function runCli(argv: readonly string[], environment: Environment): Promise<number> {
  process.stdout.on("error", () => process.exit(brokenPipe));
  const [word = "help", ...others] = argv;
  try {
    if (word === "help" || word === "--help" || word === "-h") return help(others[0]);
    if (word === "--version" || word === "-v") {
      return await versionCommand.run(
        { values: {}, positionals: [], rest: undefined },
        environment,
      );
    }
    const command = findCommand(word);
    const wantsHelp = takeBeforeRest(others).some((text) => text === "--help" || text === "-h");
    if (wantsHelp) return help(word);
    return await runCommand(command, others, environment);
  } catch (error) {
    return explain(error, word);
  }
}

async function runCommand(
  command: Command,
  argv: readonly string[],
  environment: Environment,
): Promise<number> {
  const own = takeBeforeRest(argv);
  const rest = own.length < argv.length ? argv.slice(own.length + 1) : undefined;
  return await command.run({ ...parse(own, command.options), rest }, environment);
}

function parse(
  argv: readonly string[],
  options: ParseArgsOptionsConfig,
): Pick<Arguments, "values" | "positionals"> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    // "Unknown option '--x'. To specify a positional argument …": the first sentence says it all.
    const [sentence = ""] = (error as Error).message.split(". ");
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1));
  }
}

function takeBeforeRest(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  return end === -1 ? argv : argv.slice(0, end);
}

function findCommand(word: string): Command {
  const command = commands.find(({ name }) => name === word);
  if (command !== undefined) return command;
  const near = nearest(
    word,
    commands.map(({ name }) => name),
  );
  const hint = near === undefined ? "" : `, did you mean ${near}?`;
  throw new UsageError(`there is no command "${word}"${hint}`);
}

function help(word: string | undefined): number {
  const text = word === undefined ? formatOverview(commands) : formatCommandHelp(findCommand(word));
  process.stdout.write(text);
  return 0;
}

function explain(error: unknown, word: string): number {
  if (error instanceof UsageError) {
    const topic = commands.some(({ name }) => name === word) ? ` ${word}` : "";
    process.stderr.write(`remora: ${error.message}\nsee: remora help${topic}\n`);
    return usageError;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`remora: ${message}\n`);
  if (error instanceof UserError && error.hint !== undefined) {
    process.stderr.write(`${error.hint}\n`);
  }
  return 1;
}
