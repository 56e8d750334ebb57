/** The admission webhook that puts pods into the mesh, as a program. */
import { startInjector } from "../../injector/app.ts";
import { readInjectorConfig } from "../../injector/config.ts";
import { systemClock } from "../core/clock.ts";
import { runProgram } from "../core/program.ts";

await runProgram(process, {
  name: "injector",
  readConfig: readInjectorConfig,
  logLevelOf: (config) => config.logLevel,
  async start(config, log, closeWith) {
    const injector = await startInjector(config, { clock: systemClock, log });
    closeWith(() => injector.close());
    const { port, metricsPort } = injector;
    return { port, metricsPort };
  },
});
