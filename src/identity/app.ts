/** Composition root of the identity program. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Server } from "@grpc/grpc-js";
import { formatAddress, type SocketAddress } from "../core/address.ts";
import type { Clock } from "../core/clock.ts";
import { type Millis, seconds } from "../core/duration.ts";
import { listenHttpEndpoint } from "../core/http-endpoint.ts";
import { createMetricsText } from "../core/metrics-text.ts";
import { formatSpiffeId } from "../core/spiffe-id.ts";
import type { Watch } from "../core/watch.ts";
import { createAnswer } from "./answer.ts";
import { createAuthenticator } from "./authenticate.ts";
import type { Authority } from "./authority.ts";
import type { IdentityConfig } from "./config.ts";
import { certificateServiceDefinition, createCertificateHandler } from "./grpc-service.ts";
import type { IssuePolicy } from "./issue.ts";
import { createIdentityMetrics, type IdentityMetrics } from "./metrics.ts";
import { serveOwnCertificate } from "./serving-certificate.ts";
import { type IdentityPlatform, openSources, type Sources } from "./sources.ts";

export interface RunningIdentity {
  readonly port: number;
  readonly metricsPort: number;
  readonly rootPem: string;
  /** Stops accepting, lets running calls end within the drain time, then cuts. */
  close(): Promise<void>;
}

const limits = {
  // A CSR has at most 8 KB, metadata is small; a larger message is refused before it is decoded.
  "grpc.max_receive_message_length": 65_536,
  "grpc.max_concurrent_streams": 100,
  // A pod calls once an hour: ten thousand idle connections would be all that this program's memory holds.
  "grpc.max_connection_idle_ms": 60_000,
  // So that callers spread again over the replicas that are there.
  "grpc.max_connection_age_ms": 1_800_000,
  "grpc.max_connection_age_grace_ms": 10_000,
  // A caller that is gone without a word does not keep its socket.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/** Rejects when the addresses cannot be had, or what is in files; waits for what comes from the cluster. */
export async function startIdentity(
  config: IdentityConfig,
  platform: IdentityPlatform,
): Promise<RunningIdentity> {
  const { clock, log } = platform;
  const metrics = createIdentityMetrics();
  const state: { ready: boolean; authority: Watch<Authority> | undefined } = {
    ready: false,
    authority: undefined,
  };
  const isReady = (): boolean =>
    state.ready && clock.wallTime() < (state.authority?.current().notAfter ?? 0);
  const text = createMetricsText(metrics.families);
  // First of all, so that the kubelet sees a program that lives and waits.
  const http = await listenHttpEndpoint(config.metricsListen, text, isReady);
  let sources: Sources | undefined;
  try {
    const opened = await openSources(config, platform, metrics);
    sources = opened;
    const { authority } = opened;
    state.authority = authority;
    const stopFollowing = followAuthority(authority, config, { ...platform, metrics });
    const own = serveOwnCertificate({ authority, ...ownNames(config), clock, log });
    const server = new Server(limits);
    const answer = createAnswer({
      authenticate: createAuthenticator({
        keys: opened.keys,
        rules: opened.rules,
        review: opened.review,
        reviewRequired: config.reviewMode === "require",
        clock,
        onUnconfirmed: metrics.unconfirmed,
      }),
      policy: createPolicy(config),
      authority,
      clock,
    });
    const createCertificate = createCertificateHandler(answer, metrics, log);
    server.addService(certificateServiceDefinition, { createCertificate });
    const port = await bind(server, config.listen, own.credentials);
    state.ready = true;
    return {
      port,
      metricsPort: http.port,
      get rootPem() {
        return authority.current().rootPem;
      },
      async close() {
        state.ready = false;
        await drain(server, config.drainTime, clock);
        own.close();
        stopFollowing();
        await opened.close();
        await http.close();
      },
    };
  } catch (error) {
    await sources?.close();
    await http.close();
    throw error;
  }
}

function createPolicy({ trustDomain, leafLifetime, maxLifetime }: IdentityConfig): IssuePolicy {
  return {
    trustDomain,
    leafLifetime: Math.min(leafLifetime, maxLifetime) as Millis,
    maxLifetime,
  };
}

function ownNames({
  trustDomain,
  namespace,
  serviceAccount,
  dnsNames,
  leafLifetime,
}: IdentityConfig) {
  const id = formatSpiffeId({ trustDomain, namespace, serviceAccount });
  return { id, dnsNames, lifetime: leafLifetime };
}

/** What else must know the authority: metrics, the bundle's file, and whoever reads the log. */
function followAuthority(
  authority: Watch<Authority>,
  { bundleFile }: IdentityConfig,
  platform: IdentityPlatform & { readonly metrics: IdentityMetrics },
): () => void {
  const take = (next: Authority): void => {
    platform.metrics.setAuthority(next);
    if (bundleFile !== undefined) writeBundle(bundleFile, next.rootPem);
  };
  take(authority.current());
  const unsubscribe = authority.subscribe(take);
  const stopWarnings = warnBeforeEnd(authority, platform);
  return () => {
    unsubscribe();
    stopWarnings();
  };
}

function bind(
  server: Server,
  listen: SocketAddress,
  credentials: Parameters<Server["bindAsync"]>[1],
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(formatAddress(listen), credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function drain(server: Server, drainTime: Millis, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.after(drainTime, () => server.forceShutdown());
    server.tryShutdown(() => {
      stop();
      resolve();
    });
  });
}

/** Readers see the old bundle or the new one, never half of it. */
function writeBundle(file: string, pem: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, pem, { mode: 0o644 });
  renameSync(draft, file);
}

const warnAhead = 30 * 86_400_000;
/** Twice a day: often enough for a daily look at the log, and below the longest timer of Node. */
const warnInterval = seconds(43_200);

function warnBeforeEnd(authority: Watch<Authority>, platform: IdentityPlatform): () => void {
  const { clock, log } = platform;
  let stop = check();
  function check(): () => void {
    const end = authority.current().notAfter;
    const left = end - clock.wallTime();
    const notAfter = new Date(end).toISOString();
    if (left <= 0) log.error({ notAfter }, "certificate authority has ended");
    else if (left < warnAhead) log.warn({ notAfter }, "certificate authority ends soon");
    return clock.after(warnInterval, () => {
      stop = check();
    });
  }
  return () => stop();
}
