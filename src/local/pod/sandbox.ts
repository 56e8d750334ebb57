/** The part of the sandbox that a pod uses, as a value, so that tests can put another one in its place. */
import { exec, launch } from "../sandbox/launch.ts";

export interface Sandbox {
  readonly launch: typeof launch;
  readonly exec: typeof exec;
}

export const systemSandbox: Sandbox = { launch, exec };
