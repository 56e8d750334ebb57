/** Composition root of the control program: source, snapshots, discovery service. */
import { Server } from "@grpc/grpc-js";
import { formatAddress, type SocketAddress } from "../core/address.ts";
import type { Clock } from "../core/clock.ts";
import { listenHttpEndpoint } from "../core/http-endpoint.ts";
import type { Log } from "../core/log.ts";
import { createComputedGauge, type MetricFamily } from "../core/metrics.ts";
import { createMetricsText } from "../core/metrics-text.ts";
import type { Watch } from "../core/watch.ts";
import { createBundleInfo } from "../credentials/bundle-info.ts";
import {
  createServerCredentials,
  type ServerIdentity,
} from "../credentials/grpc-js-server-credentials.ts";
import { parseTrustBundle } from "../credentials/trust-bundle.ts";
import type { ControlConfig } from "./config.ts";
import { followSource } from "./follow-source.ts";
import { openClusterSource } from "./kubernetes/cluster-source.ts";
import { createControlMetrics } from "./metrics.ts";
import { createManifestSource, type Source } from "./source.ts";
import { createDiscoveryService, discoveryServiceDefinition } from "./xds/service.ts";

export interface ControlPlatform {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined while there is none: the discovery service is not opened before. */
  readonly certificate: Watch<ServerIdentity | undefined>;
}

export interface RunningControl {
  readonly metricsPort: number;
  /** The discovery service's port, once it listens; rejects when the address cannot be had. */
  readonly listening: Promise<number>;
  /** Ends the streams, so that proxies go to another replica, and stops. */
  close(): Promise<void>;
}

const limits = {
  // A proxy that reconnects names all that it holds, some hundred bytes each.
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
  // A proxy has one stream.
  "grpc.max_concurrent_streams": 16,
  // So that proxies spread again over the replicas that are there.
  "grpc.max_connection_age_ms": 1_800_000,
  "grpc.max_connection_age_grace_ms": 10_000,
  // A proxy that is gone without a word does not keep its stream.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/** Rejects when the metrics address cannot be had. Throws when there is neither a manifest nor an API server to read. */
export async function startControl(
  config: ControlConfig,
  platform: ControlPlatform,
): Promise<RunningControl> {
  const { clock, log, certificate } = platform;
  const metrics = createControlMetrics();
  const source = openSource(config, platform);
  const families = [...metrics.families, ageOf(source), bundleInfo(certificate)];
  const state = { ready: false };
  const http = await listenHttpEndpoint(
    config.metricsListen,
    createMetricsText(families),
    () => state.ready,
  ).catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  const abort = new AbortController();
  const server = new Server(limits);
  const closing: (() => void)[] = [];
  let endStreams: () => void = () => {};
  const listening = Promise.all([
    whenPresent(certificate, abort.signal),
    unlessAborted(source.synced, abort.signal),
  ]).then(async ([identity]) => {
    // Who asks before all is known would be told that what is not known yet has gone.
    const snapshots = followSource(source, config, { clock, log, metrics });
    closing.push(() => snapshots.close());
    const { trustDomain, drainTime } = config;
    const discovery = createDiscoveryService({ trustDomain, snapshots, clock, metrics, log });
    endStreams = () => discovery.end(drainTime);
    server.addService(discoveryServiceDefinition, { deltaAggregatedResources: discovery.handler });
    const credentials = createServerCredentials(identity, true);
    closing.push(
      certificate.subscribe((renewed) => {
        if (renewed !== undefined) credentials.renew(renewed);
      }),
    );
    const port = await bind(server, config.listen, credentials);
    state.ready = true;
    return port;
  });
  // Whoever awaits it hears of a failure; nobody needs to.
  listening.catch(() => {});
  return {
    metricsPort: http.port,
    listening,
    async close() {
      state.ready = false;
      abort.abort(new Error("control was stopped"));
      const stopped = drain(server, config, clock);
      endStreams();
      await stopped;
      for (const close of closing) close();
      await source.close();
      await http.close();
    },
  };
}

function openSource(config: ControlConfig, platform: ControlPlatform): Source {
  if (config.manifests.length > 0) return createManifestSource(config.manifests);
  return openClusterSource(config, platform);
}

function ageOf(source: Source): MetricFamily {
  return createComputedGauge(
    "remora_control_source_age_seconds",
    "Since the source of objects last said anything; the last good state is served meanwhile.",
    () => source.ageSeconds(),
  );
}

function bundleInfo(certificate: Watch<ServerIdentity | undefined>): MetricFamily {
  return createBundleInfo(() => {
    const own = certificate.current();
    return own === undefined ? undefined : parseTrustBundle(own.trustBundlePem).hash;
  });
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  return Promise.race([promise, aborted]);
}

function whenPresent<T>(watch: Watch<T | undefined>, signal: AbortSignal): Promise<T> {
  const now = watch.current();
  if (now !== undefined) return Promise.resolve(now);
  return new Promise((resolve, reject) => {
    const stop = watch.subscribe((value) => {
      if (value === undefined) return;
      stop();
      resolve(value);
    });
    signal.addEventListener("abort", () => {
      stop();
      reject(signal.reason as Error);
    });
  });
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

function drain(server: Server, config: ControlConfig, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.after(config.drainTime, () => server.forceShutdown());
    server.tryShutdown(() => {
      stop();
      resolve();
    });
  });
}
