/**
 * `tcp-client.ts ping-pong|upload|download HOST PORT SECONDS`: prints one line of JSON. The peer is tcp-backend.ts.
 * Bulk counts what arrived at the far end, not what was handed to the kernel.
 */
import { connect, type Socket } from "node:net";

const [job = "ping-pong", host = "127.0.0.1", port = "0", seconds = "1"] = process.argv.slice(2);
const nanoseconds = BigInt(Math.round(Number(seconds) * 1e9));
const chunk = Buffer.alloc(256 * 1024, "x");

let bytes = 0;
const startedAt = process.hrtime.bigint();

const socket = connect({
  host,
  port: Number(port),
  noDelay: true,
  // One buffer for all that arrives: the client's own garbage would be a good part of the load core's time.
  ...(job === "download" ? { onread: { buffer: Buffer.alloc(1024 * 1024), callback: count } } : {}),
});
socket.on("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
socket.once("connect", () => {
  if (job === "upload") upload(socket);
  else if (job === "download") download(socket);
  else pingPong(socket);
});

/** 64 bytes there and back, one at a time; the first exchanges of a connection do not count. */
function pingPong(socket: Socket): void {
  const message = Buffer.alloc(64, "p");
  const times: number[] = [];
  let start = process.hrtime.bigint();
  let sentAt = start;
  let received = 0;
  let uncounted = 20;
  socket.write("e");
  const send = () => {
    sentAt = process.hrtime.bigint();
    socket.write(message);
  };
  socket.on("data", (data) => {
    received += data.length;
    if (received < message.length) return;
    received = 0;
    const now = process.hrtime.bigint();
    if (uncounted > 0) {
      uncounted -= 1;
      start = now;
    } else times.push(Number(now - sentAt) / 1e6);
    if (now - start < nanoseconds) return send();
    times.sort((a, b) => a - b);
    const at = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN;
    print({ requests: times.length, p50: at(0.5), p99: at(0.99), p999: at(0.999) });
  });
  send();
}

function upload(socket: Socket): void {
  const start = process.hrtime.bigint();
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString();
  });
  socket.on("end", () => print({ bytes: Number(answer), seconds: since(start) }));
  socket.write("u");
  const write = () => {
    while (process.hrtime.bigint() - start < nanoseconds) if (!socket.write(chunk)) return;
    socket.end();
  };
  socket.on("drain", write);
  write();
}

function download(socket: Socket): void {
  socket.write("d");
}

function count(arrived: number): boolean {
  bytes += arrived;
  if (process.hrtime.bigint() - startedAt >= nanoseconds) {
    print({ bytes, seconds: since(startedAt) });
    return false;
  }
  return true;
}

function since(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function print(result: Record<string, number>): void {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}
