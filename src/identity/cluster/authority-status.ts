/** The ConfigMap `remora-ca`: what `remora ca` reads and asks, and where the leader keeps how far a rotation is. */
import {
  idleRotation,
  type RotationPhase,
  type RotationRequest,
  type RotationState,
} from "./rotation.ts";
import type { StoredObject } from "./stored-objects.ts";
import type { Laggard, Replica } from "./survey.ts";

export const authorityMap = "remora-ca";
/** `{"id": …, "force": …}`: written by `remora ca rotate`, acted on by the leader. */
export const rotateAnnotation = "remora.dev/rotate";

export interface RootStatus {
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly notAfter: string;
  /** `current` is above the issuer, `next` will be, `old` was. */
  readonly role: "current" | "next" | "old";
}

/** What `remora ca status --output json` prints. */
export interface AuthorityStatus {
  /** When the leader wrote it, ISO 8601. */
  readonly at: string;
  readonly leader: string;
  readonly phase: RotationPhase;
  /** Since when; null when no root was ever replaced. */
  readonly since: string | null;
  /** When the old root goes; null outside of `retiring`. */
  readonly retireAt: string | null;
  /** What somebody should know or do; empty when all is well. */
  readonly notes: readonly string[];
  /** `own`: made and renewed by identity. `given`: cert-manager's, or yours. */
  readonly origin: "own" | "given";
  readonly issuer: { readonly fingerprint: string; readonly notAfter: string } | null;
  readonly roots: readonly RootStatus[];
  /** Fingerprint of the trust bundle that everybody should have. */
  readonly bundle: string;
  readonly namespaces: { readonly current: number; readonly pending: number };
  readonly pods: {
    readonly total: number;
    readonly starting: number;
    /** How many have which bundle; `unknown` could not be asked. */
    readonly bundles: Readonly<Record<string, number>>;
    /** Those without the current bundle; at most 100 of them. */
    readonly laggards: readonly Laggard[];
  };
  readonly replicas: readonly Replica[];
}

/** Undefined when nobody asked, or in words that mean nothing. */
export function readRequest(map: StoredObject | undefined): RotationRequest | undefined {
  const asked = parse(map?.metadata.annotations?.[rotateAnnotation]);
  if (typeof asked?.["id"] !== "string") return undefined;
  return { id: asked["id"], force: asked["force"] === true };
}

export function formatRequest(request: RotationRequest): string {
  return JSON.stringify(request);
}

export function readState(map: StoredObject | undefined): RotationState {
  const stored = parse(map?.data?.["state"]) as Partial<RotationState> | undefined;
  return { ...idleRotation, ...stored };
}

/** Undefined when there is none (yet). */
export function readStatus(map: StoredObject | undefined): AuthorityStatus | undefined {
  return parse(map?.data?.["status"]) as AuthorityStatus | undefined;
}

function parse(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
