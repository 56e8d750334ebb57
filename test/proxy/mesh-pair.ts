/** Proxies in one process, each on a loopback address of its own, with real sockets and real certificates. */
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { createSecureContext } from "node:tls";
import { pino } from "pino";
import { noPolicySnapshot, type PolicySnapshot } from "../../src/api/authorization.ts";
import type { SocketAddress } from "../../src/core/address.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { Log } from "../../src/core/log.ts";
import { formatSpiffeId, type SpiffeId } from "../../src/core/spiffe-id.ts";
import { createWatch, type WatchSource } from "../../src/core/watch.ts";
import type { WorkloadTls } from "../../src/credentials/credentials.ts";
import { meshTlsOptions } from "../../src/credentials/tls-settings.ts";
import {
  buildAuthority,
  buildLeaf,
  createSerial,
  type Issuer,
  publicPointOf,
  selfIssuer,
} from "../../src/protocol/x509/certificate-build.ts";
import { encodePem } from "../../src/protocol/x509/pem.ts";
import { type DataPath, startDataPath } from "../../src/proxy/data-path.ts";
import type {
  AppProtocol,
  Destination,
  Discovery,
  Endpoint,
} from "../../src/proxy/discovery/destination.ts";
import type { AccessEntry, AccessLog } from "../../src/proxy/telemetry/access-log.ts";
import {
  createDataPathFamilies,
  type DataPathFamilies,
} from "../../src/proxy/telemetry/families.ts";
import { createMeters } from "../../src/proxy/telemetry/meter.ts";
import { RecentFailures } from "../../src/proxy/telemetry/recent-failures.ts";
import { createWireContext, startTicking } from "../../src/proxy/transport/wire-context.ts";

export const trustDomain = "cluster.local";

export interface TestAuthority {
  readonly issuer: Issuer;
  readonly pem: string;
}

export function createTestAuthority(domain: string = trustDomain): TestAuthority {
  const { privateKey, publicPoint } = createKey();
  const issuer = selfIssuer(privateKey, `test root ${domain}`, publicPoint);
  const der = buildAuthority(
    {
      publicPoint,
      commonName: `test root ${domain}`,
      trustDomain: domain,
      serial: createSerial(randomBytes),
      pathLength: undefined,
      notBefore: Date.now() - 6e4,
      notAfter: Date.now() + 36e5,
    },
    issuer,
  );
  return { issuer, pem: encodePem("CERTIFICATE", der) };
}

export interface TestLeaf {
  readonly key: string;
  readonly cert: string;
  readonly notAfter: number;
}

export function issueTestLeaf(
  authority: TestAuthority,
  id: SpiffeId,
  lifetimeMillis = 600_000,
): TestLeaf {
  const { privateKey, publicPoint } = createKey();
  const notAfter = Date.now() + lifetimeMillis;
  const der = buildLeaf(
    {
      publicPoint,
      uri: id,
      notAfter,
      serial: createSerial(randomBytes),
      notBefore: Date.now() - 12e4,
    },
    authority.issuer,
  );
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  return { key, cert: encodePem("CERTIFICATE", der), notAfter };
}

export function tlsOf(leaf: TestLeaf, id: SpiffeId, anchors: string): WorkloadTls {
  const options = { ...meshTlsOptions, key: leaf.key, cert: leaf.cert, ca: anchors };
  const certificate = { id, notAfter: leaf.notAfter } as unknown as WorkloadTls["certificate"];
  return { certificate, serverOptions: options, clientContext: createSecureContext(options) };
}

export interface TestPod {
  readonly ip: string;
  readonly identity: SpiffeId;
  readonly dataPath: DataPath;
  readonly tls: WatchSource<WorkloadTls | undefined>;
  readonly policies: WatchSource<PolicySnapshot>;
  readonly destinations: Map<string, Destination>;
  readonly accessLog: AccessEntry[];
  readonly families: DataPathFamilies;
  readonly failures: RecentFailures;
  /** Where the next captured connections of this pod's application want to go. */
  origDst: SocketAddress;
  /** For connections captured on the way in. */
  inboundDst: SocketAddress;
  stop(): Promise<void>;
}

export interface TestPodOptions {
  readonly ip: string;
  readonly serviceAccount: string;
  readonly authority: TestAuthority;
  readonly inboundProtocols?: ReadonlyMap<number, AppProtocol>;
  /** What the pod's second-by-second work goes by; the real clock when there is none. */
  readonly clock?: Clock;
  readonly log?: Log;
  /** Instead of the pod's own list. */
  readonly accessLog?: AccessLog | undefined;
}

export const openPolicies: PolicySnapshot = {
  ...noPolicySnapshot,
  loaded: true,
};

export async function startTestPod(options: TestPodOptions): Promise<TestPod> {
  const { ip, serviceAccount, authority } = options;
  const identity = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount });
  const leaf = issueTestLeaf(authority, identity);
  const tls = createWatch<WorkloadTls | undefined>(tlsOf(leaf, identity, authority.pem));
  const policies = createWatch(openPolicies);
  const destinations = new Map<string, Destination>();
  const accessLog: AccessEntry[] = [];
  const families = createDataPathFamilies();
  const failures = new RecentFailures(families.errors);
  const wires = createWireContext();
  const pod = { origDst: { ip: "", port: 0 }, inboundDst: { ip: "", port: 0 } };
  const { log } = options;
  const dataPath = await startDataPath({
    workload: {
      namespace: "test",
      name: serviceAccount,
      ip,
      identity,
      policies,
      discovery: discoveryOf(destinations),
      tls: () => tls.current(),
      meters: createMeters(families),
      accessLog: options.accessLog ?? ((entry) => void accessLog.push(entry)),
      failures,
      inboundProtocols: options.inboundProtocols ?? new Map(),
      isOpaquePort: () => false,
    },
    trustDomain,
    tls,
    wires,
    log: log ?? pino({ level: "silent" }),
    originalDestination: (socket) => (socket.localPort === 15001 ? pod.origDst : pod.inboundDst),
    outboundHosts: [ip],
    inboundHost: ip,
  });
  const stopTicking = startTicking(wires, options.clock ?? systemClock);
  const stop = async (): Promise<void> => {
    stopTicking();
    const drained = dataPath.drain();
    for (const wire of Array.from(wires.wires)) wire.destroy();
    await drained;
  };
  return Object.assign(pod, {
    ip,
    identity,
    dataPath,
    tls,
    policies,
    destinations,
    accessLog,
    families,
    failures,
    stop,
  });
}

/** Describes a port of another test pod, as discovery would. */
export function meshEndpoint(pod: TestPod, port: number): Endpoint {
  const { ip, identity } = pod;
  return { ip, port, tunnel: "mesh", identity, namespace: "test", workload: ip, uid: ip };
}

export function serviceOf(
  endpoints: readonly Endpoint[],
  protocol?: AppProtocol,
): Extract<Destination, { kind: "service" }> {
  const name = "service";
  const hostname = "service.test.svc.cluster.local";
  return { kind: "service", namespace: "test", name, hostname, port: 80, protocol, endpoints };
}

function discoveryOf(destinations: ReadonlyMap<string, Destination>): Discovery {
  const lookup = (ip: string, port: number): Destination =>
    destinations.get(`${ip}:${port}`) ?? { kind: "unknown" };
  return { lookup, resolve: async (ip, port) => lookup(ip, port) };
}

function createKey(): { privateKey: KeyObject; publicPoint: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, publicPoint: publicPointOf(publicKey) };
}
