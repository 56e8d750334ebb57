/** Listens on the bridge of a mesh and tells how much crossed between pods, by port, as TLS or in the clear. */
import { openPacketSocket, SystemCallError } from "../../core/ffi/socket-calls.ts";
import { inNetworkNamespace } from "./namespace.ts";
import type { MeshNetwork } from "./network.ts";
import { parseTcpSegment } from "./tcp-segment.ts";
import { createTrafficSummary, type PortTraffic } from "./traffic-summary.ts";

export interface CaptureSummary {
  readonly packets: number;
  /** Packets that the kernel had no room for; the summary is incomplete when it is not zero. */
  readonly dropped: number;
  readonly ports: readonly PortTraffic[];
}

export interface PacketCapture {
  /** Reads what still waits, and ends the capture. */
  stop(): CaptureSummary;
}

/** Between two looks the kernel keeps packets in a buffer that holds much more than arrives in this time. */
const readInterval = 10;

/** Starts before the traffic that is to be judged; throws one sentence when capturing is not allowed here. */
export function startCapture(bridge: MeshNetwork["bridge"]): PacketCapture {
  const socket = inNetworkNamespace(bridge.namespace, () => openSocket(bridge.interface));
  const summary = createTrafficSummary();
  let packets = 0;
  const drain = () => {
    for (let frame = socket.read(); frame !== undefined; frame = socket.read()) {
      packets += 1;
      const segment = parseTcpSegment(frame);
      if (segment !== undefined) summary.add(segment);
    }
  };
  const timer = setInterval(drain, readInterval);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      drain();
      const dropped = socket.dropped();
      socket.close();
      return { packets, dropped, ports: summary.ports() };
    },
  };
}

function openSocket(interfaceName: string): ReturnType<typeof openPacketSocket> {
  try {
    return openPacketSocket(interfaceName);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    throw new Error(`packets cannot be captured here (${error.message}): it needs CAP_NET_RAW`, {
      cause: error,
    });
  }
}
