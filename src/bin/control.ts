/** The control plane's discovery service, as a program. */
import { startControl } from "../control/app.ts";
import { readControlConfig } from "../control/config.ts";
import { openOwnCertificate } from "../control/own-certificate.ts";
import { systemClock } from "../core/clock.ts";
import { runProgram } from "../core/program.ts";

await runProgram(process, {
  name: "control",
  readConfig: readControlConfig,
  logLevelOf: (config) => config.logLevel,
  async start(config, log, closeWith) {
    const certificate = openOwnCertificate(config, systemClock, log);
    const control = await startControl(config, { clock: systemClock, log, certificate });
    closeWith(async () => {
      await control.close();
      certificate.close();
    });
    const { metricsPort } = control;
    log.info({ metricsPort }, "waiting for a certificate");
    return { port: await control.listening, metricsPort };
  },
});
