#!/usr/bin/env node
/**
 * The operator's command. This file runs on any Node: it finds the pinned one when it was started by an older one, and
 * only then loads the program, which the older one could not even parse.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { askAdmin } from "../cli/ask-admin.ts";

/** Security floor of the runtime. */
const oldest = [26, 5, 1];
const here = fileURLToPath(import.meta.url);

if (isNewEnough(process.versions.node)) {
  hideExperimentalWarnings();
  // Inside a sidecar's container, where every megabyte is the sidecar's.
  if (process.argv[2] === "admin") {
    process.exitCode = await askAdmin(process.argv.slice(3), process.env);
  } else {
    const program = here.endsWith(".ts") ? "./remora-cli.ts" : "./remora-cli.js";
    await import(new URL(program, import.meta.url).href);
  }
} else {
  runPinnedNode();
}

function isNewEnough(version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, wanted] of oldest.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

/** The runtime's remark on FFI says nothing that an operator could act on. */
function hideExperimentalWarnings(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name === "ExperimentalWarning") return;
    for (const listener of listeners) listener(warning);
  });
}

/** Beside the package, or above it where it is installed in another project. */
function runPinnedNode(): void {
  for (let folder = dirname(here); folder !== dirname(folder); folder = dirname(folder)) {
    const node = join(folder, "node_modules", ".bin", "node");
    if (!existsSync(node)) continue;
    const child = spawn(node, [here, ...process.argv.slice(2)], { stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => child.kill(signal));
    }
    child.on("exit", (code) => {
      process.exitCode = code ?? 1;
    });
    return;
  }
  process.stderr.write(
    `remora: Node ${oldest.join(".")} or newer is needed, and this is ${process.versions.node}; run npm ci in the project, then npx remora\n`,
  );
  process.exitCode = 1;
}
