/** The command line on a cluster, as a person types it. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { runProgram } from "../apps/program.ts";

export interface Outcome {
  readonly code: number;
  readonly text: string;
}

/** Runs `remora` with an environment of its own: no kubeconfig, no colours. */
export function runRemora(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const command = [process.execPath, resolve("src/bin/remora.ts"), ...args];
  return runProgram(command, { env: { KUBECONFIG: "", NO_COLOR: "1", ...env } }, 90_000);
}

export async function succeed(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, text } = await runRemora(args, env);
  assert.equal(code, 0, `remora ${args.join(" ")} ended with ${code}:\n${text}`);
  return text;
}
