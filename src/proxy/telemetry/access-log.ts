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
  readonly method?: string;
  readonly authority?: string;
  readonly path?: string;
  readonly traceparent?: string;
  readonly status?: number;
  readonly grpcStatus?: string;
  readonly error: ErrorCode | undefined;
  readonly flag?: string;
  readonly detail: string | undefined;
  /** The policy that allowed or denied it. */
  readonly policy?: string;
  /** The policy in audit mode that would have denied it; `none` when it is the lack of an Allow policy. */
  readonly audit?: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly millis: number;
  readonly attempts: number;
}

export type AccessLog = (entry: AccessEntry) => void;
