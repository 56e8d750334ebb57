/** The sidecar, as a program. */
import { systemClock } from "../core/clock.ts";
import { ConfigError } from "../core/config-table.ts";
import { seconds } from "../core/duration.ts";
import { createLog } from "../core/log.ts";
import { startProxy } from "../proxy/app.ts";
import { type ProxyConfig, readProxyConfig } from "../proxy/config.ts";
import { releaseMemory } from "../proxy/status/memory.ts";
import { originalDestinationOf } from "../proxy/transport/original-destination.ts";

const config = readConfig();
if (config !== undefined) await run(config);

async function run(config: ProxyConfig): Promise<void> {
  const log = createLog("proxy", config.REMORA_LOG_LEVEL);
  const { REMORA_INBOUND_PROTOCOLS: protocols, REMORA_PROBES: probes } = config;
  const printable = { REMORA_INBOUND_PROTOCOLS: [...protocols], REMORA_PROBES: [...probes.keys()] };
  log.info({ config: { ...config, ...printable } }, "starting");
  try {
    const proxy = await startProxy(config, {
      clock: systemClock,
      log,
      originalDestination: originalDestinationOf,
    });
    const stop = (signal: NodeJS.Signals): void => {
      log.info({ signal }, "draining");
      void proxy.drain().then(() => {
        log.info("stopped");
        process.exit(0);
      });
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
    await proxy.ready;
    // Start-up leaves garbage that V8 would keep for as long as the pod is idle. Whoever waits for this pod comes first.
    systemClock.after(seconds(1), () => releaseMemory());
    log.info({ startMillis: Math.round(performance.now()) }, "ready");
  } catch (error) {
    log.fatal({ err: error }, "cannot start");
    process.exit(1);
  }
}

function readConfig(): ProxyConfig | undefined {
  try {
    return readProxyConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`proxy: ${error.problems.join("\nproxy: ")}\n`);
    process.exitCode = 64; // EX_USAGE
    return undefined;
  }
}
