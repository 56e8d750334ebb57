/** What the figures were measured on. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { run, versionOf } from "../site/command.ts";

export async function describeMachine(): Promise<Record<string, string>> {
  const processors = cpus();
  const memory = Math.round(totalmem() / 1e9);
  return {
    processor: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: `${memory} GB`,
    kernel: release(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
    node: process.versions.node,
    openssl: process.versions.openssl,
    wrk: (await versionOf("wrk", ["-v"], /wrk \S*?(\d[\d.]*)/)) ?? "not installed",
    h2load: (await versionOf("h2load", ["--version"], /nghttp2\/(\S+)/)) ?? "not installed",
    commit: await commit(),
  };
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await run("git", ["describe", "--always", "--dirty"]);
    return stdout.trim();
  } catch {
    return "unknown";
  }
}
