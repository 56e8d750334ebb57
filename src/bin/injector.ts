/** The admission webhook that puts pods into the mesh, as a program. */

import { startInjector } from "../../injector/app.ts";
import { type InjectorConfig, readInjectorConfig } from "../../injector/config.ts";
import { systemClock } from "../core/clock.ts";
import { ConfigError } from "../core/config-table.ts";
import { createLog } from "../core/log.ts";

await main();

async function main(): Promise<void> {
  const config = readConfig();
  if (config === undefined) return;
  const log = createLog("injector", config.logLevel);
  log.info({ config }, "starting");
  try {
    const injector = await startInjector(config, { clock: systemClock, log });
    log.info({ port: injector.port, metricsPort: injector.metricsPort }, "ready");
    const stop = (signal: NodeJS.Signals): void => {
      log.info({ signal }, "draining");
      void injector.close().then(() => {
        log.info("stopped");
        process.exit(0);
      });
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  } catch (error) {
    log.fatal({ err: error }, "cannot start");
    process.exitCode = 1;
  }
}

function readConfig(): InjectorConfig | undefined {
  try {
    return readInjectorConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`injector: ${error.problems.join("\ninjector: ")}\n`);
    process.exitCode = 64; // EX_USAGE
    return undefined;
  }
}
