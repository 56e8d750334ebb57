/** The certificate authority of the mesh, as a program. */
import { systemClock } from "../core/clock.ts";
import { ConfigError } from "../core/config-table.ts";
import { createLog } from "../core/log.ts";
import { startIdentity } from "../identity/app.ts";
import { type IdentityConfig, readIdentityConfig } from "../identity/config.ts";

await main();

async function main(): Promise<void> {
  const config = readConfig();
  if (config === undefined) return;
  const log = createLog("identity", config.logLevel);
  log.info({ config }, "starting");
  try {
    const identity = await startIdentity(config, { clock: systemClock, log });
    log.info({ port: identity.port, metricsPort: identity.metricsPort }, "ready");
    const stop = (signal: NodeJS.Signals): void => {
      log.info({ signal }, "draining");
      void identity.close().then(() => {
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

function readConfig(): IdentityConfig | undefined {
  try {
    return readIdentityConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`identity: ${error.problems.join("\nidentity: ")}\n`);
    process.exitCode = 64; // EX_USAGE
    return undefined;
  }
}
