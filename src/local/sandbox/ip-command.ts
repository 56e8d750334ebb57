/** Runs iproute2's `ip`, the one program of the system that a local mesh needs. */
import { spawnSync } from "node:child_process";

/** `ip` is missing, or refused a line; the message says which. */
export class IpCommandError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "IpCommandError";
  }
}

/** Runs all lines in one process, in the network namespace of the calling thread; throws at the first that fails. */
export function runIp(lines: readonly string[]): void {
  run(["-batch", "-"], `${lines.join("\n")}\n`);
}

/** The destinations of all IPv4 routes, as `10.0.0.0/8`, `192.0.2.1` or `default`. */
export function listRoutes(): readonly string[] {
  const routes: unknown = JSON.parse(run(["-4", "-json", "route", "show", "table", "all"], ""));
  if (!Array.isArray(routes)) return [];
  return (routes as readonly { readonly dst?: string }[]).flatMap((route) => route.dst ?? []);
}

/** Whether the namespace of the calling thread has an interface of this name. */
export function hasInterface(name: string): boolean {
  return spawnSync("ip", ["link", "show", "dev", name], { stdio: "ignore" }).status === 0;
}

function run(args: readonly string[], input: string): string {
  // /sbin is where `ip` lives, and not on every user's PATH.
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const result = spawnSync("ip", args, { input, encoding: "utf8", env });
  if (result.error !== undefined) {
    throw new IpCommandError(
      "the program ip is missing: install iproute2 (Debian: apt install iproute2)",
    );
  }
  if (result.status !== 0) {
    throw new IpCommandError(`ip failed: ${result.stderr.trim().replaceAll("\n", "; ")}`);
  }
  return result.stdout;
}
