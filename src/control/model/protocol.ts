/** What a Service's port says about its protocol. */

import { AppProtocol } from "../../api/gen/workload_pb.ts";
import type { ServicePort } from "../../api/kubernetes.ts";

/**
 * `appProtocol` wins; then the port's name up to its first dash, as Istio and others read it. Names that say nothing
 * leave the protocol to be detected.
 */
export function readAppProtocol(port: ServicePort): AppProtocol {
  const declared = port.appProtocol?.toLowerCase();
  if (declared !== undefined) return known.get(declared) ?? AppProtocol.UNKNOWN;
  return known.get(port.name?.split("-", 1)[0] ?? "") ?? AppProtocol.UNKNOWN;
}

/** Protocols that are neither HTTP nor TLS are bytes to the mesh; several of them let the server speak first. */
const known: ReadonlyMap<string, AppProtocol> = new Map([
  ["http", AppProtocol.HTTP11],
  ["http1", AppProtocol.HTTP11],
  ["kubernetes.io/ws", AppProtocol.HTTP11],
  ["grpc-web", AppProtocol.HTTP11],
  ["http2", AppProtocol.HTTP2],
  ["h2c", AppProtocol.HTTP2],
  ["kubernetes.io/h2c", AppProtocol.HTTP2],
  ["grpc", AppProtocol.GRPC],
  ["https", AppProtocol.TLS],
  ["tls", AppProtocol.TLS],
  ["kubernetes.io/wss", AppProtocol.TLS],
  ["tcp", AppProtocol.TCP],
  ["mongo", AppProtocol.TCP],
  ["mysql", AppProtocol.TCP],
  ["postgres", AppProtocol.TCP],
  ["postgresql", AppProtocol.TCP],
  ["redis", AppProtocol.TCP],
  ["amqp", AppProtocol.TCP],
]);
