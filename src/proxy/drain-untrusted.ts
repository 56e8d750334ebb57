/** Ends what an anchor vouched for that is no longer in the trust bundle. */
import type { TLSSocket } from "node:tls";
import type { Log } from "../core/log.ts";
import type { Watch } from "../core/watch.ts";
import { chainsToAnchor, readAnchors } from "../credentials/chain-trust.ts";
import type { WorkloadTls } from "../credentials/credentials.ts";
import { meshPort } from "./ports.ts";
import type { Wire, WireContext } from "./transport/wire.ts";

/**
 * Connections with peers are drained, as they are when a certificate ends: exchanges that run may end, the next one
 * needs a new connection and a new proof.
 */
export function drainUntrusted(
  tls: Watch<WorkloadTls | undefined>,
  wires: WireContext,
  log: Log,
): void {
  let known = anchorsOf(tls.current());
  tls.subscribe((next) => {
    const anchors = anchorsOf(next);
    if (next === undefined || anchors === known) return;
    known = anchors;
    const trusted = readAnchors(anchors);
    const lost = [...wires.wires].filter(
      (wire) => isMeshWire(wire) && !chainsToAnchor(wire.socket as TLSSocket, trusted),
    );
    for (const wire of lost) wire.engine.drain();
    if (lost.length > 0) log.info({ connections: lost.length }, "peers are no longer trusted");
  });
}

function anchorsOf(tls: WorkloadTls | undefined): string {
  return String(tls?.serverOptions.ca ?? "");
}

/** The control plane's connections are not ours to end; they are renewed by its own rules. */
function isMeshWire(wire: Wire): boolean {
  if (!("encrypted" in wire.socket) || wire.socket.destroyed) return false;
  return wire.isDownstream || wire.socket.remotePort === meshPort;
}
