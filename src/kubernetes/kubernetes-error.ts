/** Why the API server did not do what was asked. */
import type { Millis } from "../core/duration.ts";

export interface KubernetesErrorFacts {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API server's own word (`NotFound`, `Conflict`, `Expired`), or `Unreachable` and `Timeout` when there was no answer. */
  readonly reason: string;
  /** How long the API server asks us to wait. */
  readonly retryAfter?: Millis;
  readonly cause?: unknown;
}

export class KubernetesError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly retryAfter: Millis | undefined;

  constructor(message: string, facts: KubernetesErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "KubernetesError";
    this.status = facts.status;
    this.reason = facts.reason;
    this.retryAfter = facts.retryAfter;
  }
}

/** Whether the object that was asked for is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404;
}

/** Whether somebody else was faster: the object exists already, or was changed since it was read. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 409;
}
