/** What the outside is told about a container. */

/** `sidecar` is an init container that is restarted always (a native sidecar). */
export type ContainerRole = "init" | "sidecar" | "app";

export type ContainerState =
  /** Not running; the reason is a sentence without its full stop. */
  | { readonly kind: "waiting"; readonly reason: string }
  | { readonly kind: "running"; readonly pid: number }
  | { readonly kind: "ended"; readonly code: number };

export interface ContainerStatus {
  readonly name: string;
  readonly role: ContainerRole;
  readonly state: ContainerState;
  /** The startup probe has succeeded. */
  readonly started: boolean;
  readonly ready: boolean;
  readonly restarts: number;
  /** The newest bad news of a probe or an exit, while it is not ready. */
  readonly trouble: string | undefined;
}
