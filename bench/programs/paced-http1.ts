/**
 * `paced-http1.ts HOST:PORT,… PATH CONNECTIONS RATE SECONDS DELAY`: opens that many connections, to the targets in turn,
 * with one request on each, and prints `open`, waits DELAY seconds, then sends RATE requests per second over them in turn, on a fixed schedule.
 * It never waits for an answer before the next request is sent, so a stall is seen by every request that it delayed.
 * Prints one line of JSON and keeps the connections until it is ended.
 */
import { connect, type Socket } from "node:net";

const [targets = "", path = "/", ...numbers] = process.argv.slice(2);
const [connections = 1, rate = 1, seconds = 1, delay = 0] = numbers.map(Number);
const hosts = targets.split(",");
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: bench\r\n\r\n`, "latin1");

interface Connection {
  readonly socket: Socket;
  /** When the requests were sent whose answer is not there yet. */
  readonly sentAt: number[];
  received: Buffer;
}

const latencies: number[] = [];
let errors = 0;
let answered = 0;

const all = Array.from({ length: connections }, open);
for (const connection of all) send(connection);
await until(() => answered + errors >= connections);
process.stdout.write("open\n");
await new Promise((resolve) => setTimeout(resolve, delay * 1000));
latencies.length = 0;
await sendPaced();
report();

function open(_: unknown, at: number): Connection {
  const [host = "", port] = (hosts[at % hosts.length] ?? "").split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  const connection: Connection = { socket, sentAt: [], received: Buffer.alloc(0) };
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    errors += Math.max(connection.sentAt.length, 1);
    connection.sentAt.length = 0;
  });
  socket.on("data", (data: Buffer) => take(connection, data));
  return connection;
}

function take(connection: Connection, data: Buffer): void {
  connection.received =
    connection.received.length === 0 ? data : Buffer.concat([connection.received, data]);
  for (;;) {
    const end = connection.received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = connection.received.toString("latin1", 0, end).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1]);
    if (!head.startsWith("http/1.1 200") || Number.isNaN(length)) errors += 1;
    if (connection.received.length < end + 4 + length) return;
    connection.received = connection.received.subarray(end + 4 + length);
    const sentAt = connection.sentAt.shift();
    if (sentAt !== undefined) latencies.push(now() - sentAt);
    answered += 1;
  }
}

function send(connection: Connection): void {
  if (connection.socket.destroyed) {
    errors += 1;
    return;
  }
  connection.sentAt.push(now());
  connection.socket.write(request);
}

async function sendPaced(): Promise<void> {
  const start = now();
  const total = Math.floor(rate * seconds);
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((now() - start) / 1000) * rate));
    for (; sent < due; sent += 1) {
      const connection = all[sent % all.length];
      if (connection !== undefined) send(connection);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const deadline = now() + 2_000;
  await until(() => latencies.length + errors >= total || now() > deadline);
  errors += Math.max(0, total - latencies.length - errors);
}

function report(): void {
  latencies.sort((a, b) => a - b);
  const at = (part: number) => latencies[Math.floor(latencies.length * part)] ?? 0;
  const result = {
    requests: latencies.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    errors,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function now(): number {
  return performance.now();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
