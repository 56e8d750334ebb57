/** What the proxy knows of a place that its app talks to: immutable views, replaced as a whole when they change. */
import type { SpiffeId } from "../../core/spiffe-id.ts";

/** How bytes reach an endpoint: `mesh` is our HTTP/2 hop, `hbone` a foreign CONNECT tunnel, `none` plain TCP. */
export type Tunnel = "mesh" | "hbone" | "none";

/** A declared application protocol; undefined means that it must be detected. */
export type AppProtocol = "http1" | "http2" | "grpc" | "tcp" | "tls";

/** One address that is able to serve one port of a service, or one pod. */
export interface Endpoint {
  readonly ip: string;
  /** The application's port. */
  readonly port: number;
  readonly tunnel: Tunnel;
  /** The only identity that is accepted from it; undefined exactly when the tunnel is `none`. */
  readonly identity: SpiffeId | undefined;
  readonly namespace: string;
  readonly workload: string;
  /** The MeshPolicy for whose sake it is not reached in plaintext; only where the tunnel is `none`. */
  readonly strictBy?: string;
  /** Part of every pool key: an address that moved to another pod is another endpoint. */
  readonly uid: string;
}

export interface ServiceDestination {
  readonly kind: "service";
  readonly namespace: string;
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly protocol: AppProtocol | undefined;
  /** Healthy ones only; the array is a new one exactly when something in it changed. */
  readonly endpoints: readonly Endpoint[];
}

/** A pod that was dialled by its own address. */
export interface WorkloadDestination {
  readonly kind: "workload";
  readonly protocol: AppProtocol | undefined;
  readonly endpoint: Endpoint;
}

/** Nothing in the mesh has this address: it is reached as it would be without the mesh. */
export interface UnknownDestination {
  readonly kind: "unknown";
}

export type Destination = ServiceDestination | WorkloadDestination | UnknownDestination;

/** The client of the control API, as the data path sees it. */
export interface Discovery {
  /** What is known now, without waiting; undefined when this address was never asked for. */
  lookup(ip: string, port: number): Destination | undefined;
  /**
   * Asks the control plane the first time and answers from knowledge after that. When the control plane does not
   * answer within its time limit, the result is the last good answer, or `unknown` when there is none.
   */
  resolve(ip: string, port: number): Promise<Destination>;
}
