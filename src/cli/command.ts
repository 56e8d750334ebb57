/** What a command of the CLI is: its words for the help, its options, and what it does. */
import type { ParseArgsOptionsConfig } from "node:util";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Arguments as `node:util` parsed them; what follows `--` stands in `rest`. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
  /** Undefined when there is no `--`. */
  readonly rest: readonly string[] | undefined;
}

export interface Command {
  /** One word, or two such as `ca rotate`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** `up -f DIR|FILE… [--name MESH]`, without the program's name. */
  readonly usage: string;
  readonly options: ParseArgsOptionsConfig;
  /** One line for each option, by its long name. */
  readonly optionHelp: Readonly<Record<string, string>>;
  /** Words that the first argument can be, where they are few. */
  readonly firstArguments?: readonly string[];
  /** Command lines that can be copied, each with a word on what it does. */
  readonly examples: readonly (readonly [line: string, effect: string])[];
  /** Gives the exit code. Throws a UserError for what a person can put right. */
  readonly run: (args: Arguments, environment: Environment) => Promise<number>;
}

/** The command line cannot be understood: exit code 64. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** A text option, or undefined. */
export function textOption(args: Arguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === "string" ? value : undefined;
}

/** A text option that may be given several times. */
export function textOptions(args: Arguments, name: string): readonly string[] {
  const value = args.values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Throws a UsageError unless there are exactly as many positional arguments as names. */
export function takePositionals(args: Arguments, ...names: readonly string[]): readonly string[] {
  const missing = names[args.positionals.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  const extra = args.positionals[names.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
  return args.positionals;
}

export const meshOption: ParseArgsOptionsConfig = { name: { type: "string" } };
export const meshHelp: Readonly<Record<string, string>> = {
  name: "the mesh, where several run side by side",
};
export const namespaceOption: ParseArgsOptionsConfig = {
  namespace: { type: "string", short: "n" },
};
export const namespaceHelp: Readonly<Record<string, string>> = {
  namespace: "the namespace to look in; all of them when left out",
};
