/** The application behind the inbound proxy: as cheap as can be had, so that the load core is not the limit. */
import { writeFileSync } from "node:fs";
import type { Traffic } from "./peer.ts";
import { launch, type RunningProgram } from "./site/launch.ts";
import { startToReady, startWaiting } from "./site/ready.ts";
import type { Site } from "./site/site.ts";

const echoProgram = new URL("./programs/grpc-backend.ts", import.meta.url).pathname;
const tcpProgram = new URL("./programs/tcp-backend.ts", import.meta.url).pathname;

/** Bodies by path: `/100` and `/10k` for HTTP; every gRPC method answers the same 100-byte message. */
export const bodySizes = { "/100": 100, "/10k": 10_240 } as const;
export type BodyPath = keyof typeof bodySizes;

export type Backend = Traffic | "grpc-echo";

export async function startBackend(site: Site, kind: Backend): Promise<RunningProgram> {
  const options = { namespace: site.serverNamespace, core: site.cores.load };
  const ready = await startWaiting({ ...options, host: "127.0.0.1", port: site.backendPort });
  const program = launch(`backend for ${kind}`, command(site, kind), options);
  await startToReady([program], [ready]);
  return program;
}

function command(site: Site, kind: Backend): string[] {
  if (kind === "tcp") return [process.execPath, tcpProgram, String(site.backendPort)];
  if (kind === "grpc-echo") return [process.execPath, echoProgram, String(site.backendPort)];
  if (kind === "grpc") {
    return ["nginx", "-p", site.folder, "-e", "stderr", "-c", nginxBackend(site)];
  }
  return ["haproxy", "-db", "-f", haproxyBackend(site)];
}

function haproxyBackend(site: Site): string {
  const returns = Object.entries(bodySizes).map(([path, size]) => {
    const body = `${site.folder}/body-${size}`;
    writeFileSync(body, "x".repeat(size));
    return `  http-request return status 200 content-type text/plain file ${body} if { path ${path} }`;
  });
  const file = `${site.folder}/backend.cfg`;
  const text = `
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout client 1h
  timeout http-keep-alive 1h
frontend app
  bind 0.0.0.0:${site.backendPort}
${returns.join("\n")}
`;
  writeFileSync(file, text);
  return file;
}

/** HAProxy cannot make trailers by itself; nginx can, and answers a POST with a file by way of error_page. */
function nginxBackend(site: Site): string {
  writeFileSync(`${site.folder}/reply.bin`, grpcMessage(100));
  const file = `${site.folder}/backend.conf`;
  const text = `
daemon off;
master_process off;
pid ${site.folder}/backend.pid;
error_log stderr error;
events { worker_connections 9000; }
http {
  access_log off;
  client_body_temp_path ${site.folder}/body-temp;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  open_file_cache max=10;
  server {
    listen 0.0.0.0:${site.backendPort} http2;
    root ${site.folder};
    default_type application/grpc;
    add_trailer grpc-status 0;
    location / { error_page 405 =200 /reply.bin; return 405; }
    location = /reply.bin { }
  }
}
`;
  writeFileSync(file, text);
  return file;
}

/** A gRPC message of protobuf field 1 with that many bytes, prefix included. */
export function grpcMessage(payload: number): Buffer {
  const message = Buffer.concat([Buffer.from([0x0a, payload]), Buffer.alloc(payload, "x")]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
