/** The operator's commands, on a Node that is new enough; started by `remora`. */
import { runCli } from "../cli/run.ts";
import { endProcess } from "../core/end-process.ts";

// Output to pipes, files and terminals is synchronous on Linux, so nothing is lost by an exit.
await endProcess(process, await runCli(process.argv.slice(2), process.env));
