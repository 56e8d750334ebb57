/** Starts commands in containers: a process with its own view of files, processes and network. */
import type { Readable, Writable } from "node:stream";
import type { CommandSpec, ExitStatus, LaunchSpec } from "./launch-spec.ts";

/** A running container. It dies when the process that launched it dies, however that happens. */
export interface ContainerProcess {
  /** As the caller sees it; in the container it is 1. */
  readonly pid: number;
  /** Only with `stdin: "pipe"`. */
  readonly stdin: Writable | undefined;
  /** Undefined with `output: "inherit"`. */
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Fulfilled when the command itself runs; rejected with a LaunchError of one sentence when it never did. */
  readonly started: Promise<void>;
  /** Fulfilled when the process has ended and its output was read; never rejected. */
  readonly exited: Promise<ExitStatus>;
  /**
   * Signals the command. A signal that the command does not handle ends it as it would outside of a
   * container. SIGKILL ends everything in the container. False when it has ended already.
   */
  kill(signal: NodeJS.Signals): boolean;
}

/** The message is one sentence for a person. */
export class LaunchError extends Error {
  /** 127: no such command; 126: it cannot be executed; 125: the container could not be set up. */
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "LaunchError";
    this.code = code;
  }
}

/** Starts a container; returns at once. */
export function launch(_spec: LaunchSpec): ContainerProcess {
  throw new LaunchError(125, "launching is not built");
}

/** Runs one more command inside a running container: its network, files and processes. */
export function exec(_container: number, _spec: CommandSpec): ContainerProcess {
  throw new LaunchError(125, "launching is not built");
}
