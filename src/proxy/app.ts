/** The composition root of the sidecar: plain constructor calls in dependency order. */

import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { SocketAddress } from "../core/address.ts";
import type { Clock } from "../core/clock.ts";
import type { Millis } from "../core/duration.ts";
import { createEventLog, type Log } from "../core/log.ts";
import type { LogOutput } from "../core/log-output.ts";
import { formatSpiffeId } from "../core/spiffe-id.ts";
import { createCaClient } from "../credentials/ca-client.ts";
import { type Credentials, createCredentials } from "../credentials/credentials.ts";
import { openTrustBundle } from "../credentials/trust-bundle.ts";
import { createHttp1Server } from "../protocol/http1/server.ts";
import { reportCertificates } from "./admin/certificates-page.ts";
import { type AdminOptions, adminPages } from "./admin/pages.ts";
import type { PortRange, ProxyConfig } from "./config.ts";
import { createControlPlaneClient } from "./control-plane.ts";
import { type DataPath, startDataPath } from "./data-path.ts";
import { createDiscoveryClient, type DiscoveryClient } from "./discovery/client.ts";
import { statusPort } from "./ports.ts";
import { releaseWhenQuiet, trimAfterGrowth } from "./status/memory.ts";
import { statusPages } from "./status/pages.ts";
import { askApplication } from "./status/probe-relay.ts";
import { createReadiness, type Readiness } from "./status/readiness.ts";
import { type Pages, servePages } from "./status/respond.ts";
import { createScrape } from "./status/scrape.ts";
import { createDataPathFamilies, listFamilies } from "./telemetry/families.ts";
import { createMeters } from "./telemetry/meter.ts";
import { RecentFailures } from "./telemetry/recent-failures.ts";
import { connectionFamilies, processFamilies, shedFamily } from "./telemetry/sidecar-families.ts";
import { anyHost, listenAtPath, listenTcp, loopbackHosts } from "./transport/listen.ts";
import { createOverload, type Overload } from "./transport/overload.ts";
import { Wire, type WireContext } from "./transport/wire.ts";
import { createWireContext, startTicking } from "./transport/wire-context.ts";
import type { Workload } from "./workload.ts";

export interface ProxyPlatform {
  readonly clock: Clock;
  readonly log: Log;
  /** Where `log` writes. */
  readonly output: LogOutput;
  readonly originalDestination: (socket: Socket) => SocketAddress | undefined;
}

export interface RunningProxy {
  /** Resolves when certificate, policies and listeners are there. */
  readonly ready: Promise<void>;
  /** Stops accepting, lets running exchanges end within the configured time, and resolves. */
  drain(): Promise<void>;
}

/** Resolves when the status port answers; the rest follows in `ready`. */
export async function startProxy(
  config: ProxyConfig,
  platform: ProxyPlatform,
): Promise<RunningProxy> {
  const wires = createWireContext();
  const readiness = createReadiness();
  const hasCertificate = readiness.require("certificate");
  const hasPolicies = readiness.require("policies");
  const hasListeners = readiness.require("listeners");
  const credentials = openCredentials(config, platform, wires);
  const discovery = openDiscovery(config, platform, wires, credentials);
  const workload = describeWorkload(config, platform, credentials, discovery);
  const lateness = watchLoop(wires, platform.clock);
  releaseWhenQuiet(wires);
  trimAfterGrowth(wires);
  const overload = watchOverload(readiness, platform.log);

  let dataPath: DataPath | undefined;
  const metrics = createScrape([
    ...listFamilies(workload.meters.families),
    ...discovery.families,
    ...connectionFamilies(wires, () => dataPath?.upstreams.connections ?? 0),
    shedFamily(overload),
    ...processFamilies(credentials, lateness, platform.output),
  ]);
  const probes = config.REMORA_PROBES;
  const probe: Parameters<typeof statusPages>[0]["probe"] = async (asked) =>
    await askApplication(asked, config.REMORA_POD_IP, wires);
  const trustBundle = (): string => credentials.trustBundle.current().hash;
  await listenStatus(statusPages({ readiness, metrics, trustBundle, probes, probe }), wires);

  const drain = async (): Promise<void> => {
    readiness.withdraw("drained");
    if (dataPath !== undefined) await within(config.REMORA_DRAIN_TIME, platform, dataPath.drain());
  };
  const state = (): unknown => ({
    waitingFor: readiness.waitingFor(),
    discovery: discovery.dump(),
  });
  listenAdmin(config, platform, wires, {
    state,
    certificates: () => reportCertificates(credentials),
    endpoints: () => dataPath?.destinations() ?? [],
    failures: () => workload.failures.list(),
    drain,
  });

  const ready = (async () => {
    await credentials.ready();
    hasCertificate();
    await discovery.loaded;
    hasPolicies();
    dataPath = await startDataPath({
      workload,
      wires,
      trustDomain: config.REMORA_TRUST_DOMAIN,
      tls: credentials.tls,
      log: platform.log,
      overload,
      originalDestination: platform.originalDestination,
      outboundHosts: loopbackHosts(),
      inboundHost: anyHost(),
    });
    hasListeners();
  })();
  return { ready, drain };
}

function openCredentials(
  config: ProxyConfig,
  { clock, log }: ProxyPlatform,
  wires: WireContext,
): Credentials {
  const trustDomain = config.REMORA_TRUST_DOMAIN;
  const grpc = createControlPlaneClient(
    {
      address: config.REMORA_IDENTITY_ADDRESS,
      serviceAccount: "remora-identity",
      trustDomain,
      secureContext: () => credentials.identityContext(),
    },
    wires,
    clock,
  );
  const credentials: Credentials = createCredentials({
    requestCertificate: createCaClient({ grpc, tokenFile: config.REMORA_TOKEN_FILE }),
    trustBundle: openTrustBundle(config.REMORA_TRUST_BUNDLE_FILE, clock, log),
    id: formatSpiffeId({
      trustDomain,
      namespace: config.REMORA_POD_NAMESPACE,
      serviceAccount: config.REMORA_SERVICE_ACCOUNT,
    }),
    trustDomain,
    clock,
    log,
  });
  return credentials;
}

function openDiscovery(
  config: ProxyConfig,
  { clock, log }: ProxyPlatform,
  wires: WireContext,
  credentials: Credentials,
): DiscoveryClient {
  const grpc = createControlPlaneClient(
    {
      address: config.REMORA_CONTROL_ADDRESS,
      serviceAccount: "remora-control",
      trustDomain: config.REMORA_TRUST_DOMAIN,
      secureContext: () => credentials.tls.current()?.clientContext,
    },
    wires,
    clock,
  );
  return createDiscoveryClient({
    grpc,
    clock,
    log,
    after: credentials.ready(),
    pod: {
      name: config.REMORA_POD_NAME,
      namespace: config.REMORA_POD_NAMESPACE,
      uid: config.REMORA_POD_UID,
      ip: config.REMORA_POD_IP,
      node: config.REMORA_NODE_NAME,
    },
  });
}

function describeWorkload(
  config: ProxyConfig,
  { log, output }: ProxyPlatform,
  credentials: Credentials,
  discovery: DiscoveryClient,
): Workload {
  const ranges = config.REMORA_OPAQUE_PORTS;
  const families = createDataPathFamilies();
  return {
    namespace: config.REMORA_POD_NAMESPACE,
    name: config.REMORA_POD_NAME,
    ip: config.REMORA_POD_IP,
    identity: formatSpiffeId({
      trustDomain: config.REMORA_TRUST_DOMAIN,
      namespace: config.REMORA_POD_NAMESPACE,
      serviceAccount: config.REMORA_SERVICE_ACCOUNT,
    }),
    discovery,
    policies: discovery.policies,
    tls: () => credentials.tls.current(),
    meters: createMeters(families),
    accessLog: config.REMORA_ACCESS_LOG ? createEventLog(log, output, "access") : undefined,
    failures: new RecentFailures(families.errors),
    inboundProtocols: config.REMORA_INBOUND_PROTOCOLS,
    isOpaquePort: (port) =>
      ranges.some(([first, last]: PortRange) => port >= first && port <= last),
  };
}

async function listenStatus(pages: Pages, wires: WireContext): Promise<void> {
  await listenTcp({ host: anyHost(), port: statusPort }, (socket) =>
    servePage(socket, pages, wires),
  );
}

function listenAdmin(
  config: ProxyConfig,
  { log }: ProxyPlatform,
  wires: WireContext,
  parts: Omit<AdminOptions, "log" | "config" | "drain"> & { readonly drain: () => Promise<void> },
): void {
  const path = config.REMORA_ADMIN_SOCKET;
  if (path === "") return;
  const pages = adminPages({
    ...parts,
    log,
    config: () => ({ ...config, REMORA_INBOUND_PROTOCOLS: [...config.REMORA_INBOUND_PROTOCOLS] }),
    drain: () => void parts.drain(),
  });
  // A sidecar that was killed leaves its socket behind.
  rmSync(path, { force: true });
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
    servePage(socket, pages, wires),
  );
  server.on("error", (error) => log.warn({ path, reason: error.message }, "no admin socket"));
  listenAtPath(server, path);
}

function servePage(socket: Socket, pages: Pages, wires: WireContext): void {
  const acceptor = servePages(pages);
  void new Wire(wires, { socket, side: "local" }, (host) => createHttp1Server(host, acceptor));
}

/** A pod that sheds load is not ready: its peers go to others meanwhile. */
function watchOverload(readiness: Readiness, log: Log): Overload {
  let relieved = (): void => {};
  return createOverload((shedding) => {
    const short = "short of memory or descriptors, refusing new work";
    log.warn({ shedding }, shedding ? short : "memory and descriptors are enough");
    if (shedding) relieved = readiness.require("memory and descriptors");
    else relieved();
  });
}

/** The worst lateness fades by half in about ten ticks, so that a scrape sees what happened since the last one. */
const lateDecay = 0.93;

function watchLoop(wires: WireContext, clock: Clock): () => number {
  let worst = 0;
  startTicking(wires, clock, (late) => {
    worst = Math.max(late, worst * lateDecay);
  });
  return () => worst;
}

async function within(
  limit: Millis,
  { clock, log }: ProxyPlatform,
  work: Promise<void>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = clock.after(limit, () => {
    log.warn({ limit }, "exchanges were still running when the time to drain was over");
    resolve();
  });
  await Promise.race([work, promise]);
  stop();
}
