/** The control plane's discovery service, as a program. */

import { startControl } from "../control/app.ts";
import { type ControlConfig, readControlConfig } from "../control/config.ts";
import { openOwnCertificate } from "../control/own-certificate.ts";
import { systemClock } from "../core/clock.ts";
import { ConfigError } from "../core/config-table.ts";
import { createLog, type Log } from "../core/log.ts";

const config = readConfig();
if (config !== undefined) await run(config, createLog("control", config.logLevel));

async function run(config: ControlConfig, log: Log): Promise<void> {
  log.info({ config }, "starting");
  try {
    const certificate = openOwnCertificate(config, systemClock, log);
    const control = await startControl(config, { clock: systemClock, log, certificate });
    const stop = (signal: NodeJS.Signals): void => {
      log.info({ signal }, "draining");
      void control.close().then(() => {
        certificate.close();
        log.info("stopped");
        process.exit(0);
      });
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
    const { metricsPort } = control;
    log.info({ metricsPort }, "waiting for a certificate");
    log.info({ port: await control.listening, metricsPort }, "ready");
  } catch (error) {
    log.fatal({ err: error }, "cannot start");
    process.exit(1);
  }
}

function readConfig(): ControlConfig | undefined {
  try {
    return readControlConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`control: ${error.problems.join("\ncontrol: ")}\n`);
    process.exitCode = 64; // EX_USAGE
    return undefined;
  }
}
