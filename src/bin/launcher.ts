/** Turns into the command of a local container; started by `remora up`, never by a person. */
import { runLauncher } from "../local/sandbox/launcher.ts";

process.exitCode = runLauncher();
