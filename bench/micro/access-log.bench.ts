/**
 * What a line of the access log costs, in CPU time of user and system: `node bench/micro/access-log.bench.ts > FILE`
 * writes into a file, `… | cat > /dev/null` into a pipe. The figures come on standard error.
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import { createEventLog, createLog } from "../../src/core/log.ts";
import { openLogOutput } from "../../src/core/log-output.ts";
import type { AccessEntry } from "../../src/proxy/telemetry/access-log.ts";

const rounds = 40;
/** Few enough for whoever reads the pipe to keep up with. */
const linesPerRound = 640;
const restMillis = 10;

const entry: AccessEntry = {
  direction: "inbound",
  client: "10.0.0.5:40000",
  peer: "spiffe://cluster.local/ns/shop/sa/web",
  service: "shop/catalog",
  protocol: "http1",
  upstream: "10.0.0.9:8080",
  method: "GET",
  authority: "catalog.shop.svc.cluster.local:8080",
  path: "/catalog/items/17?page=2",
  traceparent: undefined,
  status: 200,
  grpcStatus: undefined,
  error: undefined,
  detail: undefined,
  flag: undefined,
  policy: "shop/catalog",
  audit: undefined,
  bytesReceived: 120,
  bytesSent: 260,
  millis: 0.512,
  attempts: 1,
};

const output = openLogOutput(1);
const log = createLog("proxy", "info", output);
const event = createEventLog(log, output, "access");
const writers: Readonly<Record<string, (line: AccessEntry) => void>> = {
  "one write for each line": (line) => log.info({ access: line }, "access"),
  gathered: (line) => event(line),
};

async function measure(write: (line: AccessEntry) => void, linesPerTurn: number): Promise<number> {
  const begin = process.cpuUsage();
  for (let done = 0; done < linesPerRound; done += linesPerTurn) {
    for (let line = 0; line < linesPerTurn; line += 1) write({ ...entry, bytesSent: done + line });
    await setImmediate();
  }
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / linesPerRound;
}

for (const linesPerTurn of [1, 4, 32]) {
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, write] of Object.entries(writers)) {
      const micros = await measure(write, linesPerTurn);
      await setTimeout(restMillis);
      best.set(name, Math.min(best.get(name) ?? micros, micros));
    }
  }
  for (const [name, micros] of best) {
    process.stderr.write(`${linesPerTurn} lines a turn, ${name}: ${micros.toFixed(2)} µs a line\n`);
  }
}
process.stderr.write(`${output.lost} lines were lost\n`);
