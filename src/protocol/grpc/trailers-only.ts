/** The gRPC answer that is nothing but a status: one head that ends the response. */
import type { HeaderList, ResponseHead } from "../exchange.ts";
import { encodeGrpcMessage } from "./message-text.ts";

/** The status as trailers, for a response whose head was sent. */
export function grpcStatusTrailers(status: number, message: string): HeaderList {
  const trailers = ["grpc-status", `${status}`];
  if (message !== "") trailers.push("grpc-message", encodeGrpcMessage(message));
  return trailers;
}

/** The whole response; send it with `end`. HTTP's own status is always 200. */
export function createTrailersOnly(status: number, message: string): ResponseHead {
  const headers = ["content-type", "application/grpc", ...grpcStatusTrailers(status, message)];
  return { status: 200, headers };
}

/** Whether a request or response with this content-type is gRPC (`application/grpc`, `application/grpc+proto`, …). */
export function isGrpcContentType(value: string): boolean {
  const prefix = "application/grpc";
  if (!value.startsWith(prefix)) return false;
  const next = value.charCodeAt(prefix.length);
  // The end, "+" or ";": application/grpc-web is another protocol.
  return Number.isNaN(next) || next === 0x2b || next === 0x3b;
}
