/** nginx: HTTP/1 between the pair for HTTP/1, its gRPC module for gRPC. */
import { writeFileSync } from "node:fs";
import type { Peer, Traffic } from "../peer.ts";
import { leafDnsName } from "../site/certificates.ts";
import { cipherSuite } from "../site/cipher-suite.ts";
import { versionOf } from "../site/command.ts";
import type { Site } from "../site/site.ts";
import { meshPort, outboundPort, startPair } from "./pair.ts";

export const nginx: Peer = {
  name: "nginx",
  description: "nginx, HTTP/1.1 keep-alive (for gRPC: HTTP/2) over mTLS between, one process",
  carries: ["http1", "grpc"],
  available: async () => {
    const version = await versionOf("nginx", ["-v"], /nginx\/(\S+)/);
    return version === undefined ? { missing: "nginx is not installed" } : { version };
  },
  start: (site, traffic) => {
    const command = (side: "outbound" | "inbound", server: string) => {
      const file = `${site.folder}/nginx-${side}.conf`;
      writeFileSync(file, config(site, side, server));
      return ["nginx", "-p", site.folder, "-e", "stderr", "-c", file];
    };
    return startPair(site, {
      name: "nginx",
      outbound: command("outbound", outboundServer(site, traffic)),
      inbound: command("inbound", inboundServer(site, traffic)),
    });
  },
};

function outboundServer(site: Site, traffic: Traffic): string {
  const { authority, client } = site.certificates;
  const servers = site.destinations.map((address) => `server ${address}:${meshPort};`);
  const prefix = traffic === "grpc" ? "grpc_ssl" : "proxy_ssl";
  return `
  upstream next { ${servers.join(" ")} ${upstreamOptions} }
  server {
    listen 127.0.0.1:${outboundPort} backlog=4096 ${listenOptions(traffic)};
    ${prefix}_certificate ${client.certificate};
    ${prefix}_certificate_key ${client.key};
    ${prefix}_trusted_certificate ${authority};
    ${prefix}_verify on;
    ${prefix}_verify_depth ${chainDepth};
    ${prefix}_name ${leafDnsName};
    ${prefix}_protocols TLSv1.3;
    ${prefix}_conf_command Ciphersuites ${cipherSuite};
    location / { ${traffic === "grpc" ? "grpc_pass grpcs://next;" : "proxy_pass https://next;"} }
  }`;
}

function inboundServer(site: Site, traffic: Traffic): string {
  const { authority, server } = site.certificates;
  return `
  upstream next { server 127.0.0.1:${site.backendPort}; ${upstreamOptions} }
  server {
    listen 0.0.0.0:${meshPort} ssl backlog=4096 ${listenOptions(traffic)};
    ssl_certificate ${server.certificate};
    ssl_certificate_key ${server.key};
    ssl_client_certificate ${authority};
    ssl_verify_client on;
    ssl_verify_depth ${chainDepth};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites ${cipherSuite};
    location / { ${traffic === "grpc" ? "grpc_pass grpc://next;" : "proxy_pass http://next;"} }
  }`;
}

/** The leaf's issuer and the root above it. */
const chainDepth = 2;

const upstreamOptions =
  "keepalive 2048; keepalive_requests 1000000000; keepalive_timeout 1h; keepalive_time 10h;";

function listenOptions(traffic: Traffic): string {
  return traffic === "grpc" ? "http2" : "";
}

function config(site: Site, side: string, server: string): string {
  const folder = `${site.folder}/nginx-${side}`;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${folder}-${name};`,
  );
  return `
daemon off;
master_process off;
pid ${folder}.pid;
error_log stderr error;
events { worker_connections 9000; }
http {
  access_log off;
  client_max_body_size 0;
${temporary.join("\n")}
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  keepalive_time 10h;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
${server}
}
`;
}
