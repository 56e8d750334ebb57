/** `--output json`, which every command that shows something has. */
import type { ParseArgsOptionsConfig } from "node:util";
import { type Arguments, textOption, UsageError } from "./command.ts";

export type OutputFormat = "table" | "json";

export const outputOption: ParseArgsOptionsConfig = { output: { type: "string", short: "o" } };
export const outputHelp: Readonly<Record<string, string>> = {
  output: "json, for programs; a table for people when left out",
};

/** Throws a UsageError for a format that does not exist. */
export function readOutputOption(args: Arguments): OutputFormat {
  const output = textOption(args, "output") ?? "table";
  if (output === "json" || output === "table") return output;
  throw new UsageError(`--output is "${output}", and must be json or left out`);
}

/** As every command prints it: two spaces, one line feed at the end. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
