/**
 * The life of a connection to the application that did not come through the mesh:
 * accept → detect → authorize → forward → record. Its client has no identity.
 */

import type { Socket } from "node:net";
import { formatAddress, normalizeIp } from "../../core/address.ts";
import type { Engine, EngineHost, RequestAcceptor } from "../../protocol/exchange.ts";
import { createHttp1Server } from "../../protocol/http1/server.ts";
import { createHttp2Server } from "../../protocol/http2/server.ts";
import { createOpaqueServer } from "../../protocol/opaque.ts";
import { connectHead } from "../balance/upstreams.ts";
import { isOwnPort } from "../ports.ts";
import { refuseLoop } from "../refuse-loop.ts";
import {
  detectConnection,
  type OpenTunnel,
  type Spoken,
  silencePatience,
} from "../transport/detect-connection.ts";
import { PeekEngine, replayInto } from "../transport/peek.ts";
import { resetSocket } from "../transport/reset-socket.ts";
import { HeldTunnel } from "../transport/tunnel.ts";
import { Wire, type WireContext } from "../transport/wire.ts";
import type { InboundContext } from "./context.ts";
import { InboundExchanges } from "./exchanges.ts";
import { isHttpDeclared } from "./protocol.ts";

export async function servePlain(socket: Socket, context: InboundContext): Promise<void> {
  const accepted = acceptPlain(socket, context);
  if (accepted === undefined) return;
  const spoken = await detectPlain(accepted, context);
  if (spoken.kind === "gone") return;
  const { wire } = accepted;
  const peek = wire.engine;
  const { engine } = wire.become((host) => createEngine(host, spoken, accepted, context.wires));
  replayInto(engine, peek, wire);
}

interface AcceptedPlain {
  readonly wire: Wire<PeekEngine>;
  readonly exchanges: InboundExchanges;
  readonly port: number;
}

function acceptPlain(socket: Socket, context: InboundContext): AcceptedPlain | undefined {
  const { workload } = context;
  const origDst = context.originalDestination(socket);
  // The socket may be gone already; then it has no address and nobody waits for an answer.
  if (origDst === undefined || socket.remoteAddress === undefined) {
    socket.on("error", () => {});
    resetSocket(socket);
    return undefined;
  }
  const clientIp = normalizeIp(socket.remoteAddress);
  const client = formatAddress({ ip: clientIp, port: socket.remotePort ?? 0 });
  if (isOwnPort(origDst.port)) {
    refuseLoop(socket, { direction: "inbound", client, port: origDst.port }, workload);
    return undefined;
  }
  const exchanges = new InboundExchanges(context, {
    peer: undefined,
    clientIp,
    client,
    localIp: origDst.ip,
  });
  const open = workload.meters.families.tcpOpen.series("inbound");
  open.value += 1;
  const stopWatching = workload.policies.subscribe(() => exchanges.recheck());
  const onClosed = (): void => {
    open.value -= 1;
    stopWatching();
  };
  const options = { socket, side: "downstream", onClosed } as const;
  const wire = new Wire(context.wires, options, (host) => new PeekEngine(host));
  return { wire, exchanges, port: origDst.port };
}

/**
 * A client without a permit never causes a connection to the application. Its bytes are still looked at, because a client
 * of HTTP shall be told why; but it is not waited for long.
 */
async function detectPlain(accepted: AcceptedPlain, context: InboundContext): Promise<Spoken> {
  const { wire, exchanges, port } = accepted;
  const declared = context.workload.inboundProtocols.get(port);
  const key = `${exchanges.client.localIp}:${port}`;
  const learned = declared === undefined ? context.learned.get(key) : undefined;
  const { connection, requests } = exchanges.gate(port);
  const refused = requests !== undefined && requests.kind !== "permit";
  if (declared === "tcp" || declared === "tls" || learned === "opaque") {
    return { kind: "opaque", tunnel: undefined, why: "declared" };
  }
  if (refused) return await detectConnection(wire.engine, undefined, silencePatience);
  const speculate = declared === undefined && learned === undefined;
  const openTunnel =
    speculate && connection.kind === "permit" ? tunnelOpener(exchanges, port, context) : undefined;
  const spoken = await detectConnection(wire.engine, openTunnel);
  // Bytes that only the application would take for HTTP must not pass the mesh's headers by.
  if (spoken.kind === "opaque" && isHttpDeclared(declared)) return { kind: "http1" };
  if (declared === undefined && spoken.kind !== "gone") {
    context.workload.meters.families.detections.series("inbound", spoken.kind).value += 1;
    if (spoken.kind !== "opaque") context.learned.set(key, "http");
    else if (spoken.why === "server-first") context.learned.set(key, "opaque");
  }
  return spoken;
}

function tunnelOpener(
  exchanges: InboundExchanges,
  port: number,
  context: InboundContext,
): OpenTunnel {
  return (events, opened) => {
    const endpoint = exchanges.endpoint(port);
    context.upstreams.pool(endpoint, "opaque").take({
      attempts: 0,
      connect: (opener) =>
        opened(new HeldTunnel(connectHead(formatAddress(endpoint)), opener, events)),
      connectFailed: () => events.onServerGone(),
    });
  };
}

function createEngine(
  host: EngineHost,
  spoken: Exclude<Spoken, { kind: "gone" }>,
  { exchanges, port }: AcceptedPlain,
  wires: WireContext,
): Engine {
  const acceptAs = (protocol: "http1" | "http2"): RequestAcceptor =>
    exchanges.accept({ port, protocol }, undefined);
  switch (spoken.kind) {
    case "http1":
      return createHttp1Server(host, acceptAs("http1"), wires.http1);
    case "http2":
      return createHttp2Server(host, acceptAs("http2"), wires.http2);
    case "opaque": {
      const acceptor = exchanges.accept({ port, protocol: "opaque" }, spoken.tunnel);
      return createOpaqueServer(host, acceptor, formatAddress(exchanges.endpoint(port)));
    }
  }
}
