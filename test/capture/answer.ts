/** `answer.ts CAPTURE-PORTS DIRECT-PORTS`: answers with the original destination on the first, with `direct` on the others. */
import { createServer, type Socket } from "node:net";
import { formatAddress } from "../../src/core/address.ts";
import { originalDestination } from "../../src/core/ffi/socket-calls.ts";

const [capturePorts = [], directPorts = []] = process.argv
  .slice(2)
  .map((list) => list.split(",").filter(Boolean).map(Number));
const listeners = [
  ...capturePorts.map((port) => ({ port, answer: describe })),
  ...directPorts.map((port) => ({ port, answer: () => "direct" })),
];
await Promise.all(
  listeners.map(
    ({ port, answer }) =>
      new Promise<void>((resolve) => {
        const server = createServer((socket) => {
          socket.on("error", () => undefined);
          socket.end(answer(socket, port));
        });
        server.listen(port, "::", resolve);
      }),
  ),
);
process.stdout.write("listening\n");

function describe(socket: Socket, port: number): string {
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const destination = originalDestination(fd, "IPv6");
  return `${port} for ${destination === undefined ? "unknown" : formatAddress(destination)}`;
}
