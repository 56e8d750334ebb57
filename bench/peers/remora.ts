/** Remora as it is built in dist/: two sidecars, redirection by its init program, certificates and discovery by its own. */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { sidecarEnvironment, sidecarNodeFlags } from "../../src/core/node-runtime.ts";
import type { MeshClient, Peer, Traffic } from "../peer.ts";
import { createLeaf } from "../site/certificates.ts";
import { run } from "../site/command.ts";
import { launch, type RunningProgram, runInside } from "../site/launch.ts";
import { startToReady, startWaiting } from "../site/ready.ts";
import {
  firstService,
  type Site,
  serviceAddresses,
  servicePort,
  sidecarUser,
} from "../site/site.ts";
import { meshPort } from "./pair.ts";
import { compiledAhead } from "./remora-compiled.ts";
import { type BenchMesh, createBenchMesh, type Sidecar } from "./remora-mesh.ts";
import { crowdAddress, crowdNetwork } from "./remora-objects.ts";

const root = new URL("../../", import.meta.url).pathname;
const getProgram = new URL("../programs/get.ts", import.meta.url).pathname;

/** What a sidecar is given beyond its defaults, to see what it costs. */
export interface Features {
  readonly accessLog?: boolean;
  /** Rules of the one Allow policy of the server; the last one is the one that matches. */
  readonly rules?: number;
  /** Other Services in the mesh, with one pod each. */
  readonly services?: number;
  /** Endpoints of one other Service that the client's sidecar has asked for. */
  readonly endpoints?: number;
  /** Prometheus asks both sidecars for their metrics once a second, fifteen times as often as most. */
  readonly scraped?: boolean;
}

export const remora: Peer = createRemora(
  "remora",
  "HTTP/2 over mTLS between, captured by nftables, metrics and policy on",
  {},
);

/** Take part in the scenarios of their own only: they are compared with `remora`. */
export const remoraFeatures: readonly Peer[] = [
  createRemora("remora-log", "with an access log into a file", { accessLog: true }),
  createRemora("remora-scraped", "its metrics fetched once a second", { scraped: true }),
  ...[1, 10, 100, 10_000].map((rules) =>
    createRemora(`remora-rules-${rules}`, `with policies of ${rules} rules`, { rules }),
  ),
  ...[10, 10_000].map((services) =>
    createRemora(`remora-services-${services}`, `in a mesh of ${services} other Services`, {
      services,
    }),
  ),
  ...[10, 10_000].map((endpoints) =>
    createRemora(`remora-endpoints-${endpoints}`, `knows a Service of ${endpoints} endpoints`, {
      endpoints,
    }),
  ),
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
    for (const name of ["identity", "control"] as const)
      running.push(await startPlane(site, mesh, name));
    await redirect(site, mesh.client);
    await redirect(site, mesh.server);
    // One after the other: they share a core, and a pod starts one.
    const ready: number[] = [];
    const sidecars: RunningProgram[] = [];
    for (const sidecar of [mesh.server, mesh.client]) {
      const wait = await waitForReady(site, sidecar);
      const program = await startSidecar(site, sidecar, features);
      running.push(program);
      sidecars.push(program);
      ready.push(await startToReady([program], [wait]));
    }
    if (features.endpoints !== undefined) await meetCrowd(site);
    if (features.scraped === true) running.push(...scrapers(site));
    return {
      target: firstService(site),
      targets: serviceAddresses(site).map((host) => ({ host, port: servicePort })),
      outbound: sidecars.slice(1),
      inbound: sidecars.slice(0, 1),
      meshClient: await createMeshClient(site, folder),
      startToReady: Math.max(...ready),
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
  const { key, certificate } = await createLeaf(folder, "handshake", signer);
  return { host: site.serverAddress, port: meshPort, key, chain: certificate };
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
  await runInside("init", [process.execPath, ...sidecarNodeFlags(), bundle("init")], place);
}

function waitForReady(site: Site, sidecar: Sidecar): Promise<() => Promise<bigint>> {
  const place = { namespace: sidecar.namespace, core: site.cores.load };
  return startWaiting({ ...place, host: "127.0.0.1", port: 15_020, path: "/ready" });
}

async function startSidecar(site: Site, sidecar: Sidecar, features: Features) {
  const command = [process.execPath, ...sidecarNodeFlags(), bundle("proxy")];
  const compiled = await compiledAhead(site, command);
  const place = {
    namespace: sidecar.namespace,
    core: site.cores.proxies,
    env: { ...sidecarEnvironment, ...compiled, ...sidecar.env },
    // To where Envoy writes its own; through the bench's pipes it would cost the load generator's core.
    ...(features.accessLog === true ? { stdout: `${site.folder}/${sidecar.name}.log` } : {}),
  };
  return launch(`remora ${sidecar.name}`, command, { ...place, user: sidecarUser });
}

/** One request is enough: what was asked for is kept up to date. It fails, since there is nobody, and fast. */
async function meetCrowd(site: Site): Promise<void> {
  await run("ip", [
    "-n",
    site.clientNamespace,
    "route",
    "replace",
    "unreachable",
    `${crowdNetwork}.0.0/16`,
  ]);
  const place = { namespace: site.clientNamespace, core: site.cores.load };
  const url = `http://${crowdAddress}/`;
  const status = await runInside("the first call", [process.execPath, getProgram, url, "1"], place);
  if (!status.startsWith("5")) throw new Error(`nobody answered with ${status}`);
}

function scrapers(site: Site): RunningProgram[] {
  return [site.serverNamespace, site.clientNamespace].map((namespace) => {
    const command = [process.execPath, getProgram, "http://127.0.0.1:15020/metrics"];
    return launch("scraper", command, { namespace, core: site.cores.load });
  });
}

function bundle(program: string): string {
  return `${root}dist/${program}.js`;
}
