/** First stage: learns where the application wanted to go, and refuses what would loop. */

import type { Socket } from "node:net";
import type { SocketAddress } from "../../core/address.ts";
import { formatAddress, isLoopback, normalizeIp } from "../../core/address.ts";
import { isOwnPort } from "../ports.ts";
import { refuseLoop } from "../refuse-loop.ts";
import { PeekEngine } from "../transport/peek.ts";
import { Wire } from "../transport/wire.ts";
import type { OutboundContext } from "./serve.ts";

export interface Accepted {
  readonly wire: Wire<PeekEngine>;
  /** The application's own address, for logs. */
  readonly client: string;
  readonly origDst: SocketAddress;
}

export function acceptOutbound(socket: Socket, context: OutboundContext): Accepted | undefined {
  const { workload } = context;
  const origDst = context.originalDestination(socket);
  // The socket may be gone already; then it has no address and nobody waits for an answer.
  if (origDst === undefined || socket.remoteAddress === undefined) {
    socket.on("error", () => {});
    socket.destroy();
    return undefined;
  }
  const client = formatAddress({
    ip: normalizeIp(socket.remoteAddress),
    port: socket.remotePort ?? 0,
  });
  const toOurselves = origDst.ip === workload.ip || isLoopback(origDst.ip);
  if (toOurselves && isOwnPort(origDst.port)) {
    refuseLoop(socket, { direction: "outbound", client, port: origDst.port }, workload);
    return undefined;
  }
  const open = workload.meters.families.tcpOpen.series("outbound");
  open.value += 1;
  const wire = new Wire(
    context.wires,
    { socket, side: "downstream", onClosed: () => void (open.value -= 1) },
    (host) => new PeekEngine(host),
  );
  return { wire, client, origDst };
}
