/** Remora as it is built in dist/: two sidecars, redirection by its init program, certificates and discovery by its own. */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { sidecarEnvironment, sidecarNodeFlags } from "../../src/core/node-runtime.ts";
import type { Peer, Traffic } from "../peer.ts";
import { run } from "../site/command.ts";
import { launch, type RunningProgram, runInside } from "../site/launch.ts";
import { startToReady, startWaiting } from "../site/ready.ts";
import type { Site } from "../site/site.ts";
import { type BenchMesh, createBenchMesh, type Sidecar, serviceAddress } from "./remora-mesh.ts";

const root = new URL("../../", import.meta.url).pathname;
const proxyUid = 15_008;

export const remora: Peer = {
  name: "remora",
  description: "Remora, HTTP/2 over mTLS between, captured by nftables, metrics and policy on",
  carries: ["http1", "http2", "grpc", "tcp"],
  available: async () => {
    const missing = ["proxy", "init", "identity", "control"].filter(
      (name) => !existsSync(bundle(name)),
    );
    if (missing.length > 0) return { missing: `not built: ${missing.join(", ")} (npm run build)` };
    const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
      version: string;
    };
    return { version: `${version}, built ${statSync(bundle("proxy")).mtime.toISOString()}` };
  },
  start,
};

async function start(site: Site, traffic: Traffic) {
  const running: RunningProgram[] = [];
  const stop = async () => {
    for (const program of running.toReversed()) await program.stop();
  };
  try {
    const folder = `${site.folder}/mesh`;
    mkdirSync(folder, { recursive: true });
    const mesh = createBenchMesh(folder, site, traffic);
    // Service addresses exist only in the redirection rules; without a route the kernel refuses them before that.
    await run("ip", [
      "-n",
      site.clientNamespace,
      "route",
      "replace",
      "default",
      "via",
      site.serverAddress,
    ]);
    for (const name of ["identity", "control"] as const)
      running.push(await startPlane(site, mesh, name));
    await redirect(site, mesh.client);
    await redirect(site, mesh.server);
    const waits = [await waitForReady(site, mesh.server), await waitForReady(site, mesh.client)];
    const inbound = startSidecar(site, mesh.server);
    const outbound = startSidecar(site, mesh.client);
    running.push(inbound, outbound);
    const ready = await startToReady([inbound, outbound], waits);
    const target = { host: serviceAddress, port: 80 };
    return { target, outbound: [outbound], inbound: [inbound], startToReady: ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Identity or control, on the server's side and on the load core: neither is part of a request. */
async function startPlane(site: Site, mesh: BenchMesh, name: "identity" | "control") {
  const place = { namespace: site.serverNamespace, core: site.cores.load };
  const { port, env } = mesh[name];
  const ready = await startWaiting({ ...place, host: "127.0.0.1", port });
  const program = launch(name, [process.execPath, bundle(name)], { ...place, env });
  try {
    await startToReady([program], [ready]);
    return program;
  } catch (error) {
    await program.stop();
    throw error;
  }
}

async function redirect(site: Site, sidecar: Sidecar): Promise<void> {
  const place = { namespace: sidecar.namespace, core: site.cores.load, env: sidecar.initEnv };
  await runInside("init", [process.execPath, ...sidecarNodeFlags, bundle("init")], place);
}

function waitForReady(site: Site, sidecar: Sidecar): Promise<() => Promise<bigint>> {
  const place = { namespace: sidecar.namespace, core: site.cores.load };
  return startWaiting({ ...place, host: "127.0.0.1", port: 15_020, path: "/ready" });
}

function startSidecar(site: Site, sidecar: Sidecar): RunningProgram {
  const place = {
    namespace: sidecar.namespace,
    core: site.cores.proxies,
    env: { ...sidecarEnvironment, ...sidecar.env },
  };
  const command = [process.execPath, ...sidecarNodeFlags, bundle("proxy")];
  return launch(`remora ${sidecar.name}`, command, { ...place, user: proxyUid });
}

function bundle(program: string): string {
  return `${root}dist/${program}.js`;
}
