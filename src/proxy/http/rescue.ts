/** The one translation out: what each error code looks like to an HTTP client, to a gRPC client and in the log. */
import type { ErrorCode } from "../../core/mesh-error.ts";
import type { HeaderList, RequestHead, ResponseHead } from "../../protocol/exchange.ts";
import {
  createTrailersOnly,
  grpcStatusTrailers,
  isGrpcContentType,
} from "../../protocol/grpc/trailers-only.ts";

interface Rescue {
  readonly status: number;
  /** gRPC status code: 13 INTERNAL, 14 UNAVAILABLE, 7 PERMISSION_DENIED, … */
  readonly grpcStatus: number;
  /** The Proxy-Status error type (RFC 9209 2.3). */
  readonly proxyError: string;
  /** Envoy's short response flag, which operators know. */
  readonly flag: string;
}

const table: Readonly<Record<ErrorCode, Rescue>> = {
  handshake_failed: { status: 502, grpcStatus: 14, proxyError: "tls_protocol_error", flag: "UF" },
  identity_missing: {
    status: 503,
    grpcStatus: 14,
    proxyError: "destination_unavailable",
    flag: "UF",
  },
  policy_denied: { status: 403, grpcStatus: 7, proxyError: "http_request_denied", flag: "UAEX" },
  ambiguous_request: {
    status: 400,
    grpcStatus: 3,
    proxyError: "http_request_error",
    flag: "DPE",
  },
  no_route: { status: 404, grpcStatus: 12, proxyError: "destination_not_found", flag: "NR" },
  no_endpoint: { status: 503, grpcStatus: 14, proxyError: "destination_unavailable", flag: "UH" },
  failfast: { status: 503, grpcStatus: 14, proxyError: "destination_unavailable", flag: "UH" },
  overloaded: { status: 503, grpcStatus: 14, proxyError: "connection_limit_reached", flag: "UO" },
  connect_refused: { status: 502, grpcStatus: 14, proxyError: "connection_refused", flag: "UF" },
  connect_timeout: { status: 504, grpcStatus: 14, proxyError: "connection_timeout", flag: "UF" },
  request_timeout: { status: 504, grpcStatus: 4, proxyError: "http_response_timeout", flag: "UT" },
  idle_timeout: { status: 504, grpcStatus: 14, proxyError: "http_response_timeout", flag: "SI" },
  downstream_closed: { status: 499, grpcStatus: 1, proxyError: "http_request_error", flag: "DC" },
  upstream_closed: { status: 502, grpcStatus: 14, proxyError: "connection_terminated", flag: "UC" },
  upstream_reset: { status: 502, grpcStatus: 14, proxyError: "connection_terminated", flag: "UR" },
  protocol_error: { status: 502, grpcStatus: 13, proxyError: "http_protocol_error", flag: "UPE" },
  header_too_large: {
    status: 502,
    grpcStatus: 8,
    proxyError: "http_response_header_size",
    flag: "UPE",
  },
  body_limit: { status: 413, grpcStatus: 8, proxyError: "http_request_error", flag: "DPE" },
  flood: { status: 429, grpcStatus: 8, proxyError: "http_request_denied", flag: "OM" },
  draining: { status: 503, grpcStatus: 14, proxyError: "destination_unavailable", flag: "UO" },
  loop_detected: { status: 508, grpcStatus: 9, proxyError: "proxy_loop_detected", flag: "NR" },
  certificate_rejected: {
    status: 502,
    grpcStatus: 14,
    proxyError: "tls_certificate_error",
    flag: "UF",
  },
  config_invalid: {
    status: 500,
    grpcStatus: 13,
    proxyError: "proxy_configuration_error",
    flag: "NC",
  },
  control_unavailable: {
    status: 503,
    grpcStatus: 14,
    proxyError: "proxy_internal_response",
    flag: "NC",
  },
  internal: { status: 500, grpcStatus: 13, proxyError: "proxy_internal_error", flag: "-" },
};

export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string;
  /** What the client is told in place of the detail. */
  readonly told?: string;
}

export function responseFlag(code: ErrorCode): string {
  return table[code].flag;
}

export function grpcStatusOf(code: ErrorCode): number {
  return table[code].grpcStatus;
}

/** Whether the request is a gRPC call, whose errors belong into grpc-status and not into the HTTP status. */
export function isGrpc(head: RequestHead): boolean {
  const { headers } = head;
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] !== "content-type") continue;
    return isGrpcContentType(headers[index + 1] as string);
  }
  return false;
}

/** The whole answer to a request that we could not forward; for gRPC it is a trailers-only response. */
export function rescue(fault: Fault, grpc: boolean): ResponseHead {
  const entry = table[fault.code];
  const proxyStatus = `remora; error=${entry.proxyError}; details="${fault.code}: ${quoted(fault.told ?? fault.detail)}"`;
  if (grpc) {
    const { status, headers } = createTrailersOnly(entry.grpcStatus, grpcMessage(fault));
    return { status, headers: [...headers, "proxy-status", proxyStatus] };
  }
  return { status: entry.status, headers: ["content-length", "0", "proxy-status", proxyStatus] };
}

/** The end of a gRPC call that was cut after its response had begun. */
export function grpcTrailers(fault: Fault): HeaderList {
  return grpcStatusTrailers(table[fault.code].grpcStatus, grpcMessage(fault));
}

function grpcMessage(fault: Fault): string {
  return `remora: ${fault.code}: ${fault.told ?? fault.detail}`;
}

/** A structured-field string may hold printable ASCII only, with quotes and backslashes escaped (RFC 8941 3.3.3). */
function quoted(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&");
}
