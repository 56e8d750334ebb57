/** Composition root of the injector program. */
import type { Clock } from "../src/core/clock.ts";
import { listenHttpEndpoint } from "../src/core/http-endpoint.ts";
import type { Log } from "../src/core/log.ts";
import { createMetricsText } from "../src/core/metrics-text.ts";
import type { InjectorConfig } from "./config.ts";
import { createInjectorMetrics } from "./metrics.ts";
import { listenWebhook } from "./server.ts";
import { openServingCertificate } from "./serving-certificate.ts";

export interface RunningInjector {
  readonly port: number;
  readonly metricsPort: number;
  /** Says "not ready", goes on for the drain delay, lets running reviews end, and stops. */
  close(): Promise<void>;
}

/** Rejects when the certificate or the addresses cannot be had. */
export async function startInjector(
  config: InjectorConfig,
  platform: { readonly clock: Clock; readonly log: Log },
): Promise<RunningInjector> {
  const { clock, log } = platform;
  const { listen, namespace, injection } = config;
  const metrics = createInjectorMetrics();
  const certificate = openServingCertificate(config.certFile, config.keyFile, clock, log);
  const state = { ready: false };
  const http = await listenHttpEndpoint(
    config.metricsListen,
    createMetricsText(metrics.families),
    () => state.ready && clock.wallTime() < certificate.current().notAfter,
  );
  const webhook = await listenWebhook({
    listen,
    namespace,
    injection,
    certificate,
    metrics,
    clock,
    log,
  }).catch(async (error: unknown) => {
    await http.close();
    throw error;
  });
  state.ready = true;
  return {
    port: webhook.port,
    metricsPort: http.port,
    async close() {
      state.ready = false;
      await new Promise<void>((resolve) => void clock.after(config.drainDelay, resolve));
      await webhook.close();
      certificate.close();
      await http.close();
    },
  };
}
