/** From a command line to an exit code: 0 done, 1 failed, 64 not understood, else what an exec'd command gave. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { nearest } from "../control/manifests/nearest.ts";
import { endProcess } from "../core/end-process.ts";
import { UserError } from "../local/user-error.ts";
import { type Arguments, type Command, type Environment, UsageError } from "./command.ts";
import { versionCommand } from "./commands/version.ts";
import { formatCommandHelp, formatFamily, formatOverview } from "./help.ts";
import { commandGroups, commands } from "./registry.ts";

const usageError = 64; // EX_USAGE
/** A reader that went away, as in `remora logs x | head`. */
const brokenPipe = 141;

/** Never throws: whatever goes wrong is one sentence on stderr and an exit code. */
export async function runCli(argv: readonly string[], environment: Environment): Promise<number> {
  process.stdout.on("error", () => void endProcess(process, brokenPipe));
  const [word = "help"] = argv;
  try {
    if (word === "help" || word === "--help" || word === "-h") return help(argv.slice(1));
    if (word === "--version" || word === "-v") {
      return await runCommand(versionCommand, argv.slice(1), environment);
    }
    const wantsHelp = takeBeforeRest(argv).some((text) => text === "--help" || text === "-h");
    if (wantsHelp) return help(argv);
    const command = findCommand(argv);
    return await runCommand(command, argv.slice(wordCount(command)), environment);
  } catch (error) {
    return explain(error, argv);
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

/** The command whose words the command line starts with; the longer name wins. */
function matchCommand(argv: readonly string[]): Command | undefined {
  const isNamed = (command: Command): boolean =>
    argv.slice(0, wordCount(command)).join(" ") === command.name;
  return commands.filter(isNamed).sort((a, b) => wordCount(b) - wordCount(a))[0];
}

/** `ca status` and `ca rotate`, when only `ca` is said. */
function matchFamily(word: string): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

function findCommand(argv: readonly string[]): Command {
  const command = matchCommand(argv);
  if (command !== undefined) return command;
  const [word = "", second] = argv;
  const family = matchFamily(word).map(({ name }) => name);
  if (family.length > 0) {
    if (second === undefined) throw new UsageError(`say which: ${family.join(", ")}`);
    throw unknownCommand(`${word} ${second}`, family);
  }
  throw unknownCommand(
    word,
    commands.map(({ name }) => name),
  );
}

function unknownCommand(wanted: string, names: readonly string[]): UsageError {
  const near = nearest(wanted, names);
  const hint = near === undefined ? "" : `, did you mean ${near}?`;
  return new UsageError(`there is no command "${wanted}"${hint}`);
}

function wordCount(command: Command): number {
  return command.name.split(" ").length;
}

function help(argv: readonly string[]): number {
  const words = takeBeforeRest(argv).filter((word) => !word.startsWith("-"));
  const family = words.length === 1 ? matchFamily(words[0] ?? "") : [];
  if (words.length === 0) process.stdout.write(formatOverview(commandGroups));
  else if (family.length > 0) process.stdout.write(formatFamily(family));
  else process.stdout.write(formatCommandHelp(findCommand(words)));
  return 0;
}

function explain(error: unknown, argv: readonly string[]): number {
  if (error instanceof UsageError) {
    const topic =
      matchCommand(argv)?.name ?? (matchFamily(argv[0] ?? "").length > 0 ? argv[0] : "");
    process.stderr.write(`remora: ${error.message}\nsee: ${`remora help ${topic}`.trim()}\n`);
    return usageError;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`remora: ${message}\n`);
  if (error instanceof UserError && error.hint !== undefined) {
    process.stderr.write(`${error.hint}\n`);
  }
  return 1;
}
