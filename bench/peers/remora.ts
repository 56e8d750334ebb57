/** Remora as it is built in dist/: two sidecars, redirection by its init program, certificates and discovery by its own. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { sidecarEnvironment, sidecarNodeFlags } from "../../src/core/node-runtime.ts";
import type { MeshClient, Peer, Traffic } from "../peer.ts";
import { createLeaf } from "../site/certificates.ts";
import { run } from "../site/command.ts";
import { launch, type RunningProgram, runInside } from "../site/launch.ts";
import { startToReady, startWaiting } from "../site/ready.ts";
import type { Site } from "../site/site.ts";
import { meshPort } from "./pair.ts";
import { type BenchMesh, createBenchMesh, type Sidecar, serviceAddress } from "./remora-mesh.ts";

const root = new URL("../../", import.meta.url).pathname;
const proxyUid = 15_008;

/** What a sidecar is given beyond its defaults, to see what it costs. */
export interface Features {
  readonly accessLog?: boolean;
  /** Rules of the one Allow policy of the server; the last one is the one that matches. */
  readonly rules?: number;
  /** Other Services in the mesh, with one pod each. */
  readonly services?: number;
}

export const remora: Peer = createRemora(
  "remora",
  "HTTP/2 over mTLS between, captured by nftables, metrics and policy on",
  {},
);

/** Take part in the scenarios of their own only: they are compared with `remora`. */
export const remoraFeatures: readonly Peer[] = [
  createRemora("remora-log", "with an access log", { accessLog: true }),
  createRemora("remora-rules-1", "with one rule", { rules: 1 }),
  createRemora("remora-rules-100", "with a policy of 100 rules", { rules: 100 }),
  createRemora("remora-rules-10000", "with a policy of 10,000 rules", { rules: 10_000 }),
  createRemora("remora-services-10000", "in a mesh of 10,000 Services", { services: 10_000 }),
];

function createRemora(name: string, what: string, features: Features): Peer {
  return {
    name,
    description: `Remora, ${what}`,
    carries: ["http1", "http2", "grpc", "tcp"],
    available,
    start: async (site, traffic) => await start(site, traffic, features),
  };
}

async function available() {
  const missing = ["proxy", "init", "identity", "control"].filter(
    (name) => !existsSync(bundle(name)),
  );
  if (missing.length > 0) return { missing: `not built: ${missing.join(", ")} (npm run build)` };
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    version: string;
  };
  return { version: `${version}, built ${statSync(bundle("proxy")).mtime.toISOString()}` };
}

async function start(site: Site, traffic: Traffic, features: Features) {
  const running: RunningProgram[] = [];
  const stop = async () => {
    for (const program of running.toReversed()) await program.stop();
  };
  try {
    const folder = `${site.folder}/mesh`;
    mkdirSync(folder, { recursive: true });
    const mesh = createBenchMesh(folder, site, traffic, features);
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
    // One after the other: they share a core, and a pod starts one.
    const inbound = startSidecar(site, mesh.server);
    running.push(inbound);
    const inboundReady = await startToReady([inbound], waits.slice(0, 1));
    const outbound = startSidecar(site, mesh.client);
    running.push(outbound);
    const ready = Math.max(inboundReady, await startToReady([outbound], waits.slice(1)));
    return {
      target: { host: serviceAddress, port: 80 },
      outbound: [outbound],
      inbound: [inbound],
      meshClient: await createMeshClient(site, folder),
      startToReady: ready,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Another pod of the mesh, as far as the inbound sidecar can tell. */
async function createMeshClient(site: Site, folder: string): Promise<MeshClient> {
  // Made by identity at its first start.
  const issuer = `${folder}/authority/own/ca-cert.pem`;
  const signer = { certificate: issuer, key: `${folder}/authority/own/ca-key.pem` };
  const { key, combined, certificate } = await createLeaf(folder, "handshake", signer);
  const chain = combined.replace("combined", "chain");
  writeFileSync(chain, readFileSync(certificate, "utf8") + readFileSync(issuer, "utf8"));
  return { host: site.serverAddress, port: meshPort, key, chain };
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
