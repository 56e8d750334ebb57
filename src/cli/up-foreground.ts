/** `remora up`: the mesh lives as long as this program, which shows its logs. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { endProcess } from "../core/end-process.ts";
import type { ReadyResult } from "../local/api/messages.ts";
import { serveApi } from "../local/api/server.ts";
import { systemNamespace } from "../local/control-plane.ts";
import { type Mesh, startMesh } from "../local/mesh.ts";
import { createNamePainter, paint } from "./colour.ts";
import { formatNotReady } from "./not-ready.ts";
import type { UpConfig } from "./up-config.ts";

/** Runs until a signal or `remora down` ends the mesh. `quiet` is the background program: it shows no logs. */
export async function upForeground(config: UpConfig, quiet: boolean): Promise<number> {
  let write = (text: string): void => void process.stderr.write(text);
  const ended = Promise.withResolvers<void>();
  const begin = performance.now();
  const mesh = await startMesh({
    ...config,
    trustDomain: "cluster.local",
    onNotice: (text) => write(`${paint(process.stderr, "dim", "remora |")} ${text}\n`),
  });
  const stop = (): void => ended.resolve();
  endOnSignals(stop);
  // Whoever read the logs has gone (`remora up … | head`): the mesh ends in order, not in the middle of a write.
  process.stdout.removeAllListeners("error").on("error", stop);
  let code = 0;
  process.on("uncaughtException", (error) => {
    // A mesh that cannot go on ends as a whole; half of one would look like an app's failure.
    write(`remora | the mesh ends, since its runner failed: ${error.message}\n`);
    code = 1;
    stop();
  });
  try {
    await serveApi(mesh, stop);
    if (quiet) {
      // Whoever started this program may be gone: its pipes lead nowhere then.
      process.stderr.on("error", () => undefined);
      const file = createWriteStream(join(mesh.directory, "supervisor.log"), { flags: "a" });
      file.on("error", () => undefined);
      write = (text) => void file.write(text);
    } else {
      showLogs(mesh);
      void Promise.race([mesh.whenReady(config.timeout), ended.promise]).then((result) => {
        if (result !== undefined) write(describeStart(mesh.name, result, begin));
      });
    }
    await ended.promise;
    if (!quiet) write("remora | ending the mesh; once more Ctrl-C ends it at once\n");
  } finally {
    await mesh.stop();
  }
  return code;
}

/** npm passes on the Ctrl-C that the terminal has sent to its children already: two within this time are one. */
const sameCtrlC = 500;

function endOnSignals(stop: () => void): void {
  let asked = Number.POSITIVE_INFINITY;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // Containers die with this program, and the next start removes the rest.
      if (signal === "SIGINT" && performance.now() - asked > sameCtrlC) {
        void endProcess(process, 130);
        return;
      }
      asked = Math.min(asked, performance.now());
      stop();
    });
  }
}

function showLogs(mesh: Mesh): void {
  const paintName = createNamePainter(process.stdout);
  mesh.logs.follow(({ namespace, pod, container, text }) => {
    if (namespace === systemNamespace && !isWorthShowing(text)) return;
    process.stdout.write(`${paintName(pod, `${pod}/${container} |`)} ${text}\n`);
  });
}

/** The control plane's remarks on each certificate would drown what the apps say; `remora logs` has them all. */
function isWorthShowing(text: string): boolean {
  return !/"level":"?(info|debug|trace|30|20|10)\b/.test(text);
}

function describeStart(name: string, result: ReadyResult, begin: number): string {
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
  if (result.notReady.length === 0) {
    return `remora | mesh ${name} is up: ${result.pods} pods ready after ${seconds} s\n`;
  }
  return `remora | not ready after ${seconds} s:\n${formatNotReady(result)}`;
}
