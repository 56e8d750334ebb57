/** gRPC status codes, and how HTTP answers and HTTP/2 resets become them (gRPC over HTTP/2, doc/http-grpc-status-mapping). */
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  INADEQUATE_SECURITY,
  REFUSED_STREAM,
} from "../http2/numbers.ts";

export const GRPC_OK = 0;
export const GRPC_CANCELLED = 1;
export const GRPC_UNKNOWN = 2;
export const GRPC_DEADLINE_EXCEEDED = 4;
export const GRPC_PERMISSION_DENIED = 7;
export const GRPC_RESOURCE_EXHAUSTED = 8;
export const GRPC_UNIMPLEMENTED = 12;
export const GRPC_INTERNAL = 13;
export const GRPC_UNAVAILABLE = 14;
export const GRPC_UNAUTHENTICATED = 16;

const names = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** The name of a status; numbers that nobody registered keep their number. */
export function grpcStatusName(status: number): string {
  return names[status] ?? `STATUS_${status}`;
}

/** The number in a grpc-status field; UNKNOWN for anything that is not one. */
export function parseGrpcStatus(text: string): number {
  return /^[0-9]{1,3}$/.test(text) ? Number(text) : GRPC_UNKNOWN;
}

/** What a client makes of an HTTP answer without grpc-status. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return GRPC_INTERNAL;
    case 401:
      return GRPC_UNAUTHENTICATED;
    case 403:
      return GRPC_PERMISSION_DENIED;
    case 404:
      return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC_UNAVAILABLE;
    default:
      return GRPC_UNKNOWN;
  }
}

/** What a client makes of RST_STREAM. */
export function grpcStatusOfReset(http2Code: number): number {
  switch (http2Code) {
    case REFUSED_STREAM:
      return GRPC_UNAVAILABLE;
    case CANCEL:
      return GRPC_CANCELLED;
    case ENHANCE_YOUR_CALM:
      return GRPC_RESOURCE_EXHAUSTED;
    case INADEQUATE_SECURITY:
      return GRPC_PERMISSION_DENIED;
    default:
      return GRPC_INTERNAL;
  }
}
