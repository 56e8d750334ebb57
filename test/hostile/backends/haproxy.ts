/** HAProxy as the application: what it has understood of a request it passes on to a strict recorder. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProgram } from "../../apps/program.ts";
import { createStrictBackend } from "../strict-backend.ts";
import {
  awaitPort,
  freePort,
  type RecordedServer,
  startRecordedServer,
} from "./recorded-server.ts";

export async function startHaproxy(host: string): Promise<RecordedServer> {
  return await startRecordedServer(host, async (report) => {
    const folder = mkdtempSync(join(tmpdir(), "remora-haproxy-"));
    const recorder = createStrictBackend(report);
    recorder.server.listen(0, "127.0.0.1");
    await once(recorder.server, "listening");
    const behind = (recorder.server.address() as { port: number }).port;
    const port = await freePort(host);
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, configuration(host, port, behind));
    const program = await startProgram(["haproxy", "-db", "-f", file]);
    await awaitPort(host, port, program);
    const close = (): void => {
      recorder.server.close();
      rmSync(folder, { recursive: true });
      assert.deepEqual(recorder.faults, []);
    };
    return { port, program, close };
  });
}

function configuration(host: string, port: number, behind: number): string {
  return `
global
  nbthread 1
defaults
  mode http
  timeout connect 30s
  timeout client 30s
  timeout server 30s
frontend application
  bind ${host}:${port}
  default_backend recorder
backend recorder
  server recorder 127.0.0.1:${behind}
`;
}
