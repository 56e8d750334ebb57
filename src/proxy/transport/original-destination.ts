/** Where a captured connection was going before the kernel redirected it to us. */
import type { Socket } from "node:net";
import { normalizeIp, type SocketAddress } from "../../core/address.ts";
import { originalDestination } from "../../core/ffi/socket-calls.ts";

/** Must be called in the connection's callback, while the handle is certainly open; undefined when it is not. */
export function originalDestinationOf(socket: Socket): SocketAddress | undefined {
  const { fd } = (socket as Socket & { _handle: { fd?: number } | null })._handle ?? {};
  if (fd === undefined || fd < 0) return undefined;
  const mapped = socket.localAddress?.startsWith("::ffff:") === true;
  const family = socket.localFamily === "IPv6" && !mapped ? "IPv6" : "IPv4";
  const address = originalDestination(fd, family);
  return address && { ip: normalizeIp(address.ip), port: address.port };
}
