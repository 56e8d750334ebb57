/** nginx as the application: a server that reads whole bodies, in front of one that answers. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProgram } from "../../apps/program.ts";
import type { Seen } from "../strict-backend.ts";
import {
  awaitPort,
  freePort,
  listenForDatagrams,
  type RecordedServer,
  startRecordedServer,
} from "./recorded-server.ts";

export async function startNginx(host: string): Promise<RecordedServer> {
  return await startRecordedServer(host, async (report) => {
    const folder = mkdtempSync(join(tmpdir(), "remora-nginx-"));
    const syslog = await listenForDatagrams(report, parse);
    const port = await freePort(host);
    const file = join(folder, "nginx.conf");
    writeFileSync(file, configuration(folder, host, port, syslog.port));
    const program = await startProgram(["nginx", "-p", folder, "-e", "stderr", "-c", file]);
    await awaitPort(host, port, program);
    const close = (): void => {
      syslog.close();
      rmSync(folder, { recursive: true });
    };
    return { port, program, close };
  });
}

function parse(line: string): Seen | undefined {
  const record = JSON.parse(line.slice(line.indexOf("{"))) as Record<string, string>;
  const { status, method = "", authority = "", path = "", body = "" } = record;
  return status === "200" ? { method, authority, path, body } : undefined;
}

/** The variable of the body is filled when a request is passed on whole; escape=json leaves it readable. */
function configuration(folder: string, host: string, port: number, syslogPort: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 256; }
http {
${temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n")}
  log_format whole escape=json '{"status":"$status","method":"$request_method","authority":"$http_host","path":"$request_uri","body":"$request_body"}';
  underscores_in_headers on;
  keepalive_requests 1000000;
  client_body_buffer_size 64k;
  client_body_in_single_buffer on;
  server {
    listen ${host}:${port};
    access_log syslog:server=127.0.0.1:${syslogPort},nohostname whole;
    location / {
      proxy_pass http://unix:${folder}/answer.sock:/;
      proxy_pass_request_headers off;
      proxy_pass_request_body off;
      proxy_method GET;
    }
  }
  server {
    listen unix:${folder}/answer.sock;
    access_log off;
    location / { return 200; }
  }
}
`;
}
