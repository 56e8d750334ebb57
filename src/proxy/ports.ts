/** The sidecar's ports; the numbers are those that Istio's users know. */

/** The pod's own connections, redirected; bound to the loopback address. */
export const outboundPort = 15_001;

/** Connections to the application that did not come through the mesh, redirected. */
export const inboundPort = 15_006;

/** TLS 1.3 with client certificates, ALPN h2. */
export const meshPort = 15_008;

/** Metrics, readiness, liveness and the probe relay. */
export const statusPort = 15_020;

/** A connection to one of these that was redirected to us would come back to us for ever. */
export function isOwnPort(port: number): boolean {
  return port === outboundPort || port === inboundPort || port === meshPort || port === statusPort;
}

/** What is said of such a connection. */
export function describeOwnPort(port: number): string {
  return `port ${port} is the sidecar's own`;
}
