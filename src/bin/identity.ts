/** The certificate authority of the mesh, as a program. */
import { systemClock } from "../core/clock.ts";
import { runProgram } from "../core/program.ts";
import { startIdentity } from "../identity/app.ts";
import { readIdentityConfig } from "../identity/config.ts";

await runProgram(process, {
  name: "identity",
  readConfig: readIdentityConfig,
  logLevelOf: (config) => config.logLevel,
  async start(config, log, closeWith) {
    const identity = await startIdentity(config, { clock: systemClock, log });
    closeWith(() => identity.close());
    const { port, metricsPort } = identity;
    return { port, metricsPort };
  },
});
