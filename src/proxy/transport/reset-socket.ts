/** Ends a TCP connection by a reset, which says that it was cut where FIN would say that it is complete. */
import type { Socket } from "node:net";

/**
 * After our own FIN only FIN is left to say: libuv refuses a reset then, and Node 26 would keep the descriptor for good.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
