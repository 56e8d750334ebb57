/** `tls-pair.ts serve`: sends eight million bytes over TLS on port 443. `tls-pair.ts IP`: counts them. Keys are pre-shared: no certificate is needed. */
import { connect, createServer } from "node:tls";

const [role = ""] = process.argv.slice(2);
const key = Buffer.from("a key that both sides know");
const options = { ciphers: "PSK", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
if (role === "serve") {
  const server = createServer({ ...options, pskCallback: () => key }, (socket) => {
    socket.end(Buffer.alloc(8_000_000, "G"));
  });
  server.listen(443, () => process.stdout.write("listening\n"));
} else {
  const socket = connect({
    ...options,
    host: role,
    port: 443,
    pskCallback: () => ({ psk: key, identity: "test" }),
    checkServerIdentity: () => undefined,
  });
  let received = 0;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.on("end", () => process.stdout.write(`${received}\n`));
}
