/**
 * `tcp-backend.ts PORT`: the first byte of a connection says what it is for. `e`: echo what follows. `u`: swallow what
 * follows, and at its end answer with the number of bytes. `d`: send until the other side closes.
 */
import { createServer, type Socket } from "node:net";

const chunk = Buffer.alloc(256 * 1024, "x");

createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("readable", () => {
    const first = socket.read(1) as Buffer | null;
    const job = String.fromCharCode(first?.[0] ?? 0);
    if (first === null) socket.destroy();
    else if (job === "e") socket.pipe(socket);
    else if (job === "u") swallow(socket);
    else pour(socket);
  });
}).listen(Number(process.argv[2]), "0.0.0.0");

function swallow(socket: Socket): void {
  let bytes = 0;
  socket.on("data", (data: Buffer) => {
    bytes += data.length;
  });
  socket.on("end", () => socket.end(String(bytes)));
}

function pour(socket: Socket): void {
  socket.resume();
  socket.on("end", () => socket.destroy());
  const write = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", write);
  write();
}
