/** What a container process is: everything that the launcher sets up before it becomes the command. */
import type { Capability } from "./capability.ts";
import type { PodNetwork } from "./network.ts";

/**
 * A piece of the file system. Targets are absolute paths in the container and are made when missing
 * (in the container's own view: the host's file system is never changed). Later ones cover earlier ones.
 */
export type Mount =
  | {
      readonly kind: "bind";
      /** A file or directory of the host. */
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | {
      readonly kind: "tmpfs";
      readonly target: string;
      /** Bytes; the kernel's default is half of the machine's memory. */
      readonly size?: number;
      /** Permission bits, 0o1777 when left out. */
      readonly mode?: number;
    };

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups (`fsGroup`, `supplementalGroups`). */
  readonly groups: readonly number[];
}

/** What `launch` and `exec` have in common. */
export interface CommandSpec {
  /** Program and arguments; a name without a slash is looked up in `env.PATH`. */
  readonly command: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** `/` when left out. */
  readonly workingDir?: string;
  readonly user: ContainerUser;
  /** Exactly these, also for a user other than root; see `defaultCapabilities`. */
  readonly capabilities: readonly Capability[];
  /** `allowPrivilegeEscalation: false`; true when left out. */
  readonly noNewPrivileges?: boolean;
  /** `null` where left out; `pipe` gives `stdin`. */
  readonly stdin?: "null" | "pipe" | "inherit";
  /** `inherit` lets an interactive command use the caller's terminal; `pipe` when left out. */
  readonly output?: "pipe" | "inherit";
}

export interface LaunchSpec extends CommandSpec {
  /** Names the container in messages, e.g. `shop/web/app`. */
  readonly name: string;
  /** The pod's network; undefined runs it in the network of the mesh's own process. */
  readonly network: PodNetwork | undefined;
  /** The pod's name. */
  readonly hostname?: string;
  /** `/tmp`, `/run` and `/dev/shm` are private and empty anyway. */
  readonly mounts: readonly Mount[];
  /** `readOnlyRootFilesystem`: only mounts that are not read-only can be written. */
  readonly readOnlyRoot?: boolean;
}

export interface ExitStatus {
  /** As a shell would say it: 128 + signal number where a signal ended it, 127 where the command does not exist. */
  readonly code: number;
  readonly signal: NodeJS.Signals | undefined;
}
