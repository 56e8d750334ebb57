/** Listens on the bridge of a mesh and tells how much crossed between pods, by port, as TLS or in the clear. */
import type { NetworkNamespace } from "./network.ts";

export interface PortTraffic {
  /** The TCP port that accepted the connection. */
  readonly port: number;
  readonly connections: number;
  readonly payloadBytes: number;
  /** Whether every byte of both directions was framed as TLS records. */
  readonly tls: boolean;
  /** The first bytes of a connection that was not TLS, for the message to the user. */
  readonly sample: string | undefined;
}

export interface CaptureSummary {
  readonly packets: number;
  /** Packets that the kernel had no room for; the summary is incomplete when it is not zero. */
  readonly dropped: number;
  readonly ports: readonly PortTraffic[];
}

export interface PacketCapture {
  stop(): CaptureSummary;
}

/** Throws a sentence when AF_PACKET is not allowed here. */
export function startCapture(_bridge: {
  readonly interface: string;
  readonly namespace: NetworkNamespace;
}): PacketCapture {
  throw new Error("captures are not built");
}
