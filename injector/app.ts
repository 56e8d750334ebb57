/** Composition root of the injector program. */
import type { Clock } from "../src/core/clock.ts";
import { type Millis, seconds } from "../src/core/duration.ts";
import { listenHttpEndpoint } from "../src/core/http-endpoint.ts";
import type { Log } from "../src/core/log.ts";
import { createMetricsText } from "../src/core/metrics-text.ts";
import { openCertificateObjects } from "./certificate/cluster-objects.ts";
import { keepCertificate } from "./certificate/keep-certificate.ts";
import { followCertificate } from "./certificate/managed-certificate.ts";
import type { RotationSettings } from "./certificate/next-step.ts";
import { type KubernetesSide, openKubernetesSide } from "./cluster/kubernetes-side.ts";
import { noCounts } from "./cluster/mesh-report.ts";
import { createNamespaceAnnotations } from "./cluster/namespaces.ts";
import { tellReview } from "./cluster/skip-events.ts";
import type { InjectorConfig } from "./config.ts";
import { createInjectorMetrics, type InjectorMetrics } from "./metrics.ts";
import { listenWebhook } from "./server.ts";
import { openServingCertificate, type ServingCertificateFiles } from "./serving-certificate.ts";

export interface RunningInjector {
  readonly port: number;
  readonly metricsPort: number;
  /** Says "not ready", goes on for the drain delay, lets running reviews end, and stops. */
  close(): Promise<void>;
}

interface Platform {
  readonly clock: Clock;
  readonly log: Log;
}

/** Resolves when reviews are served; rejects when the certificate or the addresses cannot be had. */
export async function startInjector(
  config: InjectorConfig,
  platform: Platform,
): Promise<RunningInjector> {
  const { clock, log } = platform;
  const { listen, namespace, injection } = config;
  const state: { isReady: () => boolean } = { isReady: () => false };
  let side: KubernetesSide | undefined;
  const metrics = createInjectorMetrics({
    knowledgeAge: () => side && side.namespaces.age() / 1_000,
    droppedEvents: () => side?.events.dropped() ?? 0,
    mesh: () => side?.meshCounts() ?? noCounts,
  });
  // Probes are answered from the first moment: a replica that waits for the API server is alive.
  const http = await listenHttpEndpoint(
    config.metricsListen,
    createMetricsText(metrics.families),
    () => state.isReady(),
  );
  const closing: (() => void | Promise<void>)[] = [() => http.close()];
  const closeAll = async (): Promise<void> => {
    for (const close of closing.toReversed()) await close();
  };
  try {
    if (config.kubernetes !== undefined) {
      side = await openKubernetesSide(config, config.kubernetes, platform);
      const opened = side;
      closing.push(() => opened.close());
    }
    const certificate = await openCertificate(config, side, metrics, platform);
    closing.push(() => certificate.close());
    const known = side?.namespaces;
    const events = side?.events;
    const webhook = await listenWebhook({
      listen,
      namespace,
      injection,
      certificate,
      namespaces: known && createNamespaceAnnotations(known, clock),
      onReviewed: (facts) => events && tellReview(events, facts),
      metrics,
      clock,
      log,
    });
    closing.push(() => webhook.close());
    state.isReady = () =>
      certificate.isTrusted() &&
      clock.wallTime() < certificate.current().notAfter &&
      (known?.isSynced() ?? true);
    return {
      port: webhook.port,
      metricsPort: http.port,
      async close() {
        state.isReady = () => false;
        await new Promise<void>((resolve) => void clock.after(config.drainDelay, resolve));
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type Certificate = ServingCertificateFiles & { isTrusted(): boolean };

async function openCertificate(
  config: InjectorConfig,
  side: KubernetesSide | undefined,
  metrics: InjectorMetrics,
  { clock, log }: Platform,
): Promise<Certificate> {
  const { certificate, namespace, injection } = config;
  if (certificate.kind === "files" || side === undefined) {
    if (certificate.kind !== "files") throw new Error("a certificate of our own needs Kubernetes");
    const files = openServingCertificate(certificate.certFile, certificate.keyFile, clock, log);
    // Who makes the files also writes the caBundle.
    return { ...files, isTrusted: () => true };
  }
  const { lifetime, dnsNames } = certificate;
  const { trustDomain } = injection;
  const settings: RotationSettings = {
    lifetime,
    dnsNames,
    trustDomain,
    uri: `spiffe://${trustDomain}/ns/${namespace}/sa/remora-injector`,
    settleTime: Math.min(settleTime, lifetime / 10) as Millis,
  };
  const objects = openCertificateObjects({ client: side.client, namespace, clock, log });
  const stopKeeping = keepCertificate({
    objects,
    isHolder: side.lease,
    settings,
    onStep: (step) => metrics.certificateStep(step),
    clock,
    log,
  });
  const followed = await followCertificate(objects);
  return {
    ...followed,
    close() {
      stopKeeping();
      followed.close();
      objects.close();
    },
  };
}

/** Each API server learns of a changed webhook by a watch, within a second; one that is busy gets ten. */
const settleTime = seconds(10);
