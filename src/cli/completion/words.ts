/** What may follow what on a command line, taken from the table of commands. */
import type { Command } from "../command.ts";

export interface CompletionOption {
  readonly name: string;
  readonly short: string | undefined;
  readonly help: string;
  /** Whether a word follows, and which: one of a few, a file, or anything. */
  readonly value: "none" | "file" | "any" | readonly string[];
}

export interface CompletionCommand {
  /** One or two words. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly CompletionOption[];
  /** Words that its first argument can be. */
  readonly firstArguments: readonly string[];
}

const files = new Set(["filename", "values", "kubeconfig"]);
const choices: Readonly<Record<string, readonly string[]>> = { output: ["json"] };

/** Options without a line of help are no person's business, and are not offered. */
export function describeCommands(commands: readonly Command[]): readonly CompletionCommand[] {
  return commands.map(({ name, summary, options, optionHelp, firstArguments = [] }) => ({
    words: name.split(" "),
    summary,
    firstArguments,
    options: Object.entries(optionHelp).map(([option, help]) => {
      const { type, short } = options[option] ?? { type: "boolean" };
      const value = type === "boolean" ? "none" : valueOf(option);
      return { name: option, short, help, value };
    }),
  }));
}

function valueOf(option: string): CompletionOption["value"] {
  return choices[option] ?? (files.has(option) ? "file" : "any");
}

/** First words with a summary: of a family, those that follow. */
export function listFirstWords(
  commands: readonly CompletionCommand[],
): readonly (readonly [word: string, summary: string])[] {
  const first = new Map<string, string>();
  for (const { words, summary } of commands) {
    const [word = "", second] = words;
    const known = first.get(word);
    if (second === undefined) first.set(word, summary);
    else first.set(word, known === undefined ? second : `${known}, ${second}`);
  }
  return [...first];
}
