/** One JSON line per request or opaque connection, when it is switched on. */
import type { ErrorCode } from "../../core/mesh-error.ts";
import type { Direction } from "./families.ts";

export interface AccessEntry {
  readonly direction: Direction;
  readonly client: string;
  readonly peer: string;
  readonly service: string;
  readonly protocol: string;
  readonly upstream: string;
  /** Of requests; undefined for opaque connections. */
  readonly method: string | undefined;
  readonly authority: string | undefined;
  readonly path: string | undefined;
  readonly traceparent: string | undefined;
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
  readonly error: ErrorCode | undefined;
  readonly flag: string | undefined;
  readonly detail: string | undefined;
  /** The policy that allowed or denied it. */
  readonly policy: string | undefined;
  /** The policy in audit mode that would have denied it; `none` when it is the lack of an Allow policy. */
  readonly audit: string | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly millis: number;
  readonly attempts: number;
}

export type AccessLog = (entry: AccessEntry) => void;
