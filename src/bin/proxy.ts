/** The sidecar, as a program. */
import { systemClock } from "../core/clock.ts";
import { seconds } from "../core/duration.ts";
import { prepareSocketCalls } from "../core/ffi/socket-calls.ts";
import { runProgram } from "../core/program.ts";
import { startProxy } from "../proxy/app.ts";
import { readProxyConfig } from "../proxy/config.ts";
import { releaseMemory } from "../proxy/status/memory.ts";
import { originalDestinationOf } from "../proxy/transport/original-destination.ts";

await runProgram(process, {
  name: "proxy",
  readConfig: readProxyConfig,
  logLevelOf: (config) => config.REMORA_LOG_LEVEL,
  describe: (config) => ({
    ...config,
    REMORA_INBOUND_PROTOCOLS: [...config.REMORA_INBOUND_PROTOCOLS],
    REMORA_PROBES: [...config.REMORA_PROBES.keys()],
  }),
  async start(config, log, closeWith, output) {
    const proxy = await startProxy(config, {
      clock: systemClock,
      log,
      output,
      originalDestination: originalDestinationOf,
    });
    closeWith(() => proxy.drain());
    // The first certificate is on its way, and there is nothing else to do.
    prepareSocketCalls();
    await proxy.ready;
    // Start-up leaves garbage that V8 would keep for as long as the pod is idle. Whoever waits for this pod comes first.
    systemClock.after(seconds(1), () => releaseMemory());
    return { startMillis: Math.round(process.uptime() * 1_000) };
  },
});
