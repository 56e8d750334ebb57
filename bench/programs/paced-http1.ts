/**
 * `paced-http1.ts HOST:PORT,… PATH CONNECTIONS RATE WARM-UP SECONDS DELAY`: opens that many connections, to the targets in turn, with one
 * request on each, and prints `open`, waits DELAY seconds, then sends RATE requests per second over them in turn, on a fixed schedule.
 * It never waits for an answer before the next request is sent, so a stall is seen by every request that it delayed.
 * After WARM-UP seconds of that it prints `warm`, and what is sent from then on counts: a program that is young stalls by itself.
 * Prints one line of JSON and keeps the connections until it is ended.
 */
import { PacedConnection } from "./paced-connection.ts";

const [targets = "", path = "/", ...numbers] = process.argv.slice(2);
const [connections = 1, rate = 1, warmUp = 0, seconds = 1, delay = 0] = numbers.map(Number);
const hosts = targets.split(",");
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: bench\r\n\r\n`, "latin1");
const unmeasured = Math.floor(rate * warmUp);
const total = unmeasured + Math.floor(rate * seconds);

/** Milliseconds; filled up to `answered`. */
const latencies = new Float64Array(total - unmeasured);
let answered = 0;
/** When the first request that counts was sent. */
let countedFrom = Number.POSITIVE_INFINITY;
let opened = 0;
let errors = 0;

const all = Array.from({ length: connections }, open);
await until(() => opened + errors >= connections);
process.stdout.write("open\n");
await new Promise((resolve) => setTimeout(resolve, delay * 1000));
await sendPaced();
report();

function open(_: unknown, at: number): PacedConnection {
  const [host = "", port] = (hosts[at % hosts.length] ?? "").split(":");
  let first = true;
  const connection = new PacedConnection(host, Number(port), request, {
    answered(sentAt) {
      if (first) opened += 1;
      first = false;
      if (sentAt < countedFrom) return;
      latencies[answered] = performance.now() - sentAt;
      answered += 1;
    },
    failed(count) {
      errors += count;
    },
  });
  connection.send();
  return connection;
}

async function sendPaced(): Promise<void> {
  const start = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate));
    for (; sent < due; sent += 1) {
      if (sent === unmeasured) beginCounting();
      all[sent % all.length]?.send();
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const deadline = performance.now() + 2_000;
  await until(() => answered + errors >= latencies.length || performance.now() > deadline);
  errors += Math.max(0, latencies.length - answered - errors);
}

function beginCounting(): void {
  countedFrom = performance.now();
  process.stdout.write("warm\n");
}

function report(): void {
  const sorted = latencies.subarray(0, answered).sort();
  const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? 0;
  const result = {
    requests: sorted.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    errors,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
