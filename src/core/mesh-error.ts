/** The one error of the mesh: a code from a closed table, and the facts that say what dies and whose fault it was. */

/** Stable strings, documented one by one in docs/errors.md. */
export type ErrorCode =
  | "handshake_failed"
  | "identity_missing"
  | "policy_denied"
  | "ambiguous_request"
  | "no_route"
  | "no_endpoint"
  | "failfast"
  | "overloaded"
  | "connect_refused"
  | "connect_timeout"
  | "request_timeout"
  | "idle_timeout"
  | "downstream_closed"
  | "upstream_closed"
  | "upstream_reset"
  | "protocol_error"
  | "header_too_large"
  | "body_limit"
  | "flood"
  | "draining"
  | "loop_detected"
  | "certificate_rejected"
  | "config_invalid"
  | "control_unavailable"
  | "internal";

export type ErrorSide = "downstream" | "upstream" | "proxy" | "control";
export type ErrorScope = "stream" | "connection" | "process";
/** `unprocessed`: the peer has certainly not acted on it, so any request may be sent again. */
export type RetryRule = "never" | "unprocessed" | "if-idempotent";

export interface MeshErrorFacts {
  readonly side?: ErrorSide;
  readonly scope?: ErrorScope;
  readonly retry?: RetryRule;
  readonly cause?: unknown;
  /** What the other side is told in place of the message, where the message is not meant for it. */
  readonly told?: string;
}

/** The message is a noun phrase with the facts, starting in lower case. */
export class MeshError extends Error {
  readonly code: ErrorCode;
  readonly side: ErrorSide;
  readonly scope: ErrorScope;
  readonly retry: RetryRule;
  readonly told: string;

  constructor(code: ErrorCode, message: string, facts: MeshErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "MeshError";
    this.code = code;
    this.side = facts.side ?? "proxy";
    this.scope = facts.scope ?? "stream";
    this.retry = facts.retry ?? "never";
    this.told = facts.told ?? message;
  }
}

/** What is refused while the process sheds load; nothing has acted on it. */
export function overloaded(): MeshError {
  return new MeshError("overloaded", "the sidecar is short of memory", { retry: "unprocessed" });
}

/** Keeps a MeshError as it is; anything else becomes `internal` with the original as its cause. */
export function toMeshError(error: unknown, side: ErrorSide = "proxy"): MeshError {
  if (error instanceof MeshError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MeshError("internal", message, { side, cause: error });
}
