/** What `remora up` was asked for. */
import type { Millis } from "../core/duration.ts";
import type { Environment } from "./command.ts";

export interface UpConfig {
  readonly name: string;
  readonly paths: readonly string[];
  readonly timeout: Millis;
  /** As it was written, for messages. */
  readonly timeoutText: string;
  readonly watch: boolean;
  readonly stateRoot: string;
  readonly workingDir: string;
  readonly searchPath: string | undefined;
  readonly environment: Environment;
}
