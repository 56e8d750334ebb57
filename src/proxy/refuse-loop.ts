/** What becomes of a connection to one of the sidecar's own ports: served, it would come back for ever. */
import type { Socket } from "node:net";
import { describeOwnPort } from "./ports.ts";
import type { Direction } from "./telemetry/families.ts";
import { resetSocket } from "./transport/reset-socket.ts";
import type { Workload } from "./workload.ts";

export interface Loop {
  readonly direction: Direction;
  /** Address of who made it. */
  readonly client: string;
  readonly port: number;
}

export function refuseLoop(socket: Socket, { direction, client, port }: Loop, to: Workload): void {
  const detail = describeOwnPort(port);
  to.failures.add({ direction, error: "loop_detected", client, peer: "", service: "", detail });
  socket.on("error", () => {});
  resetSocket(socket);
}
