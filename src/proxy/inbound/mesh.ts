/**
 * The life of a connection from another pod of the mesh: accept → secure → (for each exchange) detect → authorize →
 * forward → record. The peer says what it sends, so there is nothing to guess.
 */
import type { TLSSocket } from "node:tls";
import { formatAddress, normalizeIp } from "../../core/address.ts";
import type { SpiffeId } from "../../core/spiffe-id.ts";
import { authenticatePeer } from "../../credentials/peer.ts";
import { createHttp2Server } from "../../protocol/http2/server.ts";
import { handshakeError } from "../transport/node-error.ts";
import { Wire } from "../transport/wire.ts";
import type { InboundContext } from "./context.ts";
import { MeshExchanges } from "./mesh-exchanges.ts";

/** `socket` has finished its handshake with a certificate that chains to the trust bundle. */
export function serveMesh(socket: TLSSocket, context: InboundContext): void {
  const { workload } = context;
  const { families } = workload.meters;
  const peer = authenticatePeer(socket, context.trustDomain, undefined, context.readLeaf);
  if (peer.kind === "rejected") {
    families.handshakes.series("inbound", "rejected").value += 1;
    workload.failures.add({
      direction: "inbound",
      error: "certificate_rejected",
      client: socket.remoteAddress ?? "",
      peer: "",
      service: "",
      detail: peer.reason,
    });
    context.log.info({ client: socket.remoteAddress, reason: peer.reason }, "peer rejected");
    socket.on("error", () => {});
    socket.destroy();
    return;
  }
  families.handshakes.series("inbound", "ok").value += 1;
  serveAuthenticated(socket, peer.id, context);
}

/** Whoever reaches the port can make such failures: what is kept of one, and told, is bounded in `failures`. */
export function refuseHandshake(cause: Error, socket: TLSSocket, context: InboundContext): void {
  const { workload, log } = context;
  const { code: error, message: detail } = handshakeError(cause, socket.authorizationError);
  const client = normalizeIp(socket.remoteAddress ?? "");
  workload.meters.families.handshakes.series("inbound", "failed").value += 1;
  workload.failures.add({ direction: "inbound", error, client, peer: "", service: "", detail });
  log.debug({ client, error, reason: detail }, "handshake failed");
}

function serveAuthenticated(socket: TLSSocket, peer: SpiffeId, context: InboundContext): void {
  const open = context.workload.meters.families.meshConnections.series("inbound");
  open.value += 1;
  const clientIp = normalizeIp(socket.remoteAddress ?? "");
  const exchanges = new MeshExchanges(context, {
    peer,
    clientIp,
    client: formatAddress({ ip: clientIp, port: socket.remotePort ?? 0 }),
    localIp: normalizeIp(socket.localAddress ?? ""),
  });
  const stopWatching = context.workload.policies.subscribe(() => exchanges.recheck());
  const onClosed = (): void => {
    open.value -= 1;
    stopWatching();
  };
  void new Wire(context.wires, { socket, side: "downstream", onClosed }, (host) =>
    createHttp2Server(host, exchanges, context.wires.http2),
  );
}
