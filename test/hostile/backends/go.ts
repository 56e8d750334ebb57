/** A server on Go's net/http as the application. */
import { join } from "node:path";
import { startProgram } from "../../apps/program.ts";
import { buildGoJudge } from "../../support/go-judge.ts";
import type { Seen } from "../strict-backend.ts";
import {
  awaitPort,
  freePort,
  listenForDatagrams,
  type RecordedServer,
  startRecordedServer,
} from "./recorded-server.ts";

export async function startGoServer(host: string): Promise<RecordedServer> {
  const folder = await buildGoJudge("test/judges/go-server", ["./go-server"]);
  return await startRecordedServer(host, async (report) => {
    const syslog = await listenForDatagrams(report, parse);
    const port = await freePort(host);
    const program = await startProgram([
      join(folder, "go-server"),
      "-listen",
      `${host}:${port}`,
      "-report",
      `127.0.0.1:${syslog.port}`,
    ]);
    await awaitPort(host, port, program);
    return { port, program, close: syslog.close };
  });
}

function parse(line: string): Seen | undefined {
  const [method = "", ...values] = line.split(" ");
  const [authority = "", path = "", body = ""] = values.map((hex) =>
    Buffer.from(hex, "hex").toString("latin1"),
  );
  return { method, authority, path, body };
}
