/** What a declaration of the pod's spec means for the bytes of its port. */
import type { AppProtocol } from "../discovery/destination.ts";

/** Whether the port's bytes are always read as HTTP, whatever they look like. */
export function isHttpDeclared(protocol: AppProtocol | undefined): boolean {
  return protocol === "http1" || protocol === "http2" || protocol === "grpc";
}
