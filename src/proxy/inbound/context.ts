/** What all connections towards the local application share. */
import type { Socket } from "node:net";
import type { SocketAddress } from "../../core/address.ts";
import type { Log } from "../../core/log.ts";
import type { ReadLeaf } from "../../credentials/seen-leaves.ts";
import type { Upstreams } from "../balance/upstreams.ts";
import type { LearnedProtocols } from "../transport/learned-protocols.ts";
import type { Overload } from "../transport/overload.ts";
import type { WireContext } from "../transport/wire.ts";
import type { Workload } from "../workload.ts";

export interface InboundContext {
  readonly workload: Workload;
  readonly trustDomain: string;
  /** Knows the leaves of peers that dialled before. */
  readonly readLeaf: ReadLeaf;
  /** Connections to the application itself. */
  readonly upstreams: Upstreams;
  readonly wires: WireContext;
  readonly overload: Overload;
  readonly learned: LearnedProtocols;
  readonly originalDestination: (socket: Socket) => SocketAddress | undefined;
  readonly log: Log;
}
