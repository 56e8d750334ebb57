/** `ending.ts`: a program that logs a thousand events in the turn in which it ends: by SIGTERM, or by a fault on SIGUSR2. */
import { createEventLog } from "../../../src/core/log.ts";
import { runProgram } from "../../../src/core/program.ts";

await runProgram(process, {
  name: "proxy",
  readConfig: () => ({}),
  logLevelOf: () => "info",
  async start(_config, log, closeWith, output) {
    const record = createEventLog(log, output, "access");
    const recordAll = (): void => {
      for (let event = 0; event < 1_000; event += 1) record({ event });
    };
    closeWith(async () => recordAll());
    process.once("SIGUSR2", () => {
      recordAll();
      throw new Error("a fault");
    });
    // Something to wait for.
    setInterval(() => {}, 60_000);
    return {};
  },
});
