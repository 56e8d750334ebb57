/**
 * The life of a connection that the pod's application made:
 * accept → discover → detect → route → pick → connect → forward → record.
 */
import type { Socket } from "node:net";
import type { SocketAddress } from "../../core/address.ts";
import type { Upstreams } from "../balance/upstreams.ts";
import type { LearnedProtocols } from "../transport/learned-protocols.ts";
import type { Overload } from "../transport/overload.ts";
import type { WireContext } from "../transport/wire.ts";
import type { Workload } from "../workload.ts";
import { acceptOutbound } from "./accept.ts";
import { detectOutbound } from "./detect.ts";
import { discoverDestination } from "./discover.ts";
import { forwardOutbound } from "./forward.ts";
import type { Pickers } from "./pickers.ts";

export interface OutboundContext {
  readonly workload: Workload;
  readonly upstreams: Upstreams;
  readonly pickers: Pickers;
  readonly wires: WireContext;
  readonly overload: Overload;
  readonly learned: LearnedProtocols;
  /** Where the application wanted to go, before it was redirected to us. */
  readonly originalDestination: (socket: Socket) => SocketAddress | undefined;
}

/** Never rejects: whatever ends the connection is recorded by the stage that ended it. */
export async function serveOutbound(socket: Socket, context: OutboundContext): Promise<void> {
  const accepted = acceptOutbound(socket, context);
  if (accepted === undefined) return;
  const discovered = await discoverDestination(accepted, context);
  const detected = await detectOutbound(discovered, context);
  if (detected !== undefined) forwardOutbound(detected, context);
}
