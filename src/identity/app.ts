/** Composition root of the identity program. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Server } from "@grpc/grpc-js";
import { formatAddress, type SocketAddress } from "../core/address.ts";
import type { Clock } from "../core/clock.ts";
import { type Millis, seconds } from "../core/duration.ts";
import { listenHttpEndpoint } from "../core/http-endpoint.ts";
import type { Log } from "../core/log.ts";
import { createMetricsText } from "../core/metrics-text.ts";
import { formatSpiffeId } from "../core/spiffe-id.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import { createAnswer } from "./answer.ts";
import { createAuthenticator } from "./authenticate.ts";
import type { Authority } from "./authority.ts";
import { openAuthority } from "./authority-files.ts";
import type { IdentityConfig } from "./config.ts";
import { certificateServiceDefinition, createCertificateHandler } from "./grpc-service.ts";
import type { IssuePolicy } from "./issue.ts";
import { openKeyFile } from "./jwks.ts";
import { createIdentityMetrics } from "./metrics.ts";
import { serveOwnCertificate } from "./serving-certificate.ts";

export interface IdentityPlatform {
  readonly clock: Clock;
  readonly log: Log;
}

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

/** Rejects when the authority, the keys or the addresses cannot be had. */
export async function startIdentity(
  config: IdentityConfig,
  platform: IdentityPlatform,
): Promise<RunningIdentity> {
  const { clock, log } = platform;
  const opened = openAuthority(config.caDirectory, config.trustDomain, clock.wallTime());
  const authority = createWatch(opened.authority);
  const authorityEnd = new Date(opened.authority.notAfter).toISOString();
  log.info({ origin: opened.origin, notAfter: authorityEnd }, "certificate authority open");
  const keys = openKeyFile(config.jwksFile, clock, log);
  const metrics = createIdentityMetrics();
  metrics.setAuthorityEnd(opened.authority.notAfter);
  const stopWarnings = warnBeforeEnd(authority, platform);
  if (config.bundleFile !== undefined) writeBundle(config.bundleFile, opened.authority.rootPem);

  const { trustDomain, namespace, serviceAccount } = config;
  const own = serveOwnCertificate({
    authority,
    id: formatSpiffeId({ trustDomain, namespace, serviceAccount }),
    dnsNames: config.dnsNames,
    lifetime: config.leafLifetime,
    clock,
    log,
  });
  const policy: IssuePolicy = {
    trustDomain,
    leafLifetime: Math.min(config.leafLifetime, config.maxLifetime) as Millis,
    maxLifetime: config.maxLifetime,
  };
  const authenticate = createAuthenticator({
    keys,
    rules: { issuer: config.tokenIssuer, audience: config.tokenAudience },
    review: undefined,
    reviewRequired: false,
    clock,
    onUnconfirmed: () => {},
  });
  const server = new Server(limits);
  const handler = createCertificateHandler(
    createAnswer({ authenticate, policy, authority, clock }),
    metrics,
    log,
  );
  server.addService(certificateServiceDefinition, { createCertificate: handler });
  let ready = true;
  const isReady = (): boolean => ready && clock.wallTime() < authority.current().notAfter;
  const text = createMetricsText(metrics.families);
  const http = await listenHttpEndpoint(config.metricsListen, text, isReady);
  const port = await bind(server, config.listen, own.credentials).catch(async (error: unknown) => {
    await http.close();
    throw error;
  });
  return {
    port,
    metricsPort: http.port,
    rootPem: authority.current().rootPem,
    async close() {
      ready = false;
      await drain(server, config.drainTime, clock);
      own.close();
      keys.close();
      stopWarnings();
      await http.close();
    },
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
