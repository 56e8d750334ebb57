/** The Autobahn WebSocket cases, as the PyPI package kosoku runs them. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const requirement = "kosoku==0.1.0";
const start = "import sys; from kosoku._cli import main; sys.exit(main())";

/** The interpreter that has pip, or undefined: `skip` a test with `noPip` then. */
export function findPython(): string | undefined {
  for (const name of ["python3", "/usr/bin/python3"]) {
    try {
      execFileSync(name, ["-m", "pip", "--version"], { stdio: "ignore" });
      const where = ["-c", "import sys; print(sys.executable)"];
      return execFileSync(name, where, { encoding: "utf8" }).trim();
    } catch {
      // The next one may have it.
    }
  }
  return undefined;
}

export const noPip = "no python3 with pip on this machine";

/** Installs the suite into a cache outside the checkout, once, and gives the folder. */
export async function installKosoku(python: string): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "remora/judges", requirement.replace("==", "-"));
  if (!existsSync(join(folder, "kosoku"))) {
    const options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder];
    await run(python, ["-m", "pip", "install", ...options, requirement]);
  }
  return folder;
}

/** A shell command that runs the cases against HOST:PORT and prints the report's index as its last output. */
export function kosokuCommand(python: string, folder: string, address: string): string {
  // The cases on compression (12 and 13) take ten minutes; to a proxy they are bytes like all others.
  const cases = process.env["WEBSOCKET_CASES"] === "all" ? "" : "-x '12.*' -x '13.*'";
  const suite = `PYTHONPATH=${folder} ${python} -c "${start}" ${cases} -o "$out" ${address}`;
  return `out=$(mktemp -d) && { ${suite} >&2; cat "$out/index.json"; rm -rf "$out"; }`;
}

/** Case number → verdict, close verdict and close code. */
export function readIndex(text: string): Readonly<Record<string, string>> {
  const json = text.slice(text.lastIndexOf("\n{\n") + 1);
  const [cases = {}] = Object.values(
    JSON.parse(json) as Record<string, Record<string, Record<string, unknown>>>,
  );
  const verdict = (found: Record<string, unknown>) =>
    [found["behavior"], found["behaviorClose"], found["remoteCloseCode"]].map(String).join(" ");
  return Object.fromEntries(Object.entries(cases).map(([id, found]) => [id, verdict(found)]));
}
