/** What the bench knows of a mesh: a pair of proxies, one on each side, that carries some kind of traffic. */
import type { RunningProgram } from "./site/launch.ts";
import type { Site } from "./site/site.ts";

/** What the application speaks at both ends of the pair. */
export type Traffic = "http1" | "http2" | "grpc" | "tcp";

/** Either what is installed here, or why this peer cannot take part. */
export type Availability = { readonly version: string } | { readonly missing: string };

export interface MeshClient {
  readonly host: string;
  readonly port: number;
  /** Files: the key, and the certificates from the leaf to below the root. */
  readonly key: string;
  readonly chain: string;
}

/** A running pair, already accepting connections. */
export interface Pair {
  /** Where a client in the site's client namespace connects to reach the backend through the pair. */
  readonly target: { readonly host: string; readonly port: number };
  /** The ways to `destinations` of the server's side, where each has an address of its own for the application. */
  readonly targets?: readonly { readonly host: string; readonly port: number }[];
  /** The proxies whose time and memory count; both are empty for the direct connection. */
  readonly outbound: readonly RunningProgram[];
  readonly inbound: readonly RunningProgram[];
  /** What a client needs to dial the inbound proxy's mesh port itself; missing where there is none. */
  readonly meshClient?: MeshClient;
  /** From the start of the slower proxy's process to its first accepted connection, in milliseconds. */
  readonly startToReady: number | undefined;
  stop(): Promise<void>;
}

/** To add a peer, write one file that exports one of these and list it in `peers/all.ts`. */
export interface Peer {
  readonly name: string;
  /** One line for the report: what runs between the two proxies, and in which configuration. */
  readonly description: string;
  readonly carries: readonly Traffic[];
  available(): Promise<Availability>;
  /** The backend already listens on `site.backendPort` of the server side. */
  start(site: Site, traffic: Traffic): Promise<Pair>;
}
