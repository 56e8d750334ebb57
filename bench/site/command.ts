/** Runs a short program to its end. */
import { execFile } from "node:child_process";

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects with the program's own words when it exits with anything but 0. */
export function run(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 1024 * 1024, env };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else
        reject(
          new Error(
            `${file} ${args.join(" ")}: ${stderr.trim() || stdout.trim() || error.message}`,
          ),
        );
    });
  });
}

/** The program's first line that matches, or undefined when the program is not on this machine. */
export async function versionOf(
  file: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(file, args);
    return pattern.exec(`${stdout}\n${stderr}`)?.[1];
  } catch (error) {
    // Some programs (wrk) print their version and still exit with 1.
    return pattern.exec((error as Error).message)?.[1];
  }
}
