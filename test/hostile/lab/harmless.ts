/**
 * `node harmless.ts HOST PORT PID SHARE MILLIS`: clients that behave, and make ordinary requests until the sidecar, whose process
 * this is, has spent this share of the time on them: as much as an attack did.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { pause } from "./attack.ts";
import { mainThreadMillis } from "./process-meter.ts";

const [host = "", port = "", pid = "", share = "", millis = ""] = process.argv.slice(2);
const clients = 32;
const request = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";

const began = performance.now();
const before = mainThreadMillis(Number(pid));
const passed = (): number => performance.now() - began;
const isAhead = (): boolean =>
  mainThreadMillis(Number(pid)) - before > Number(share) * Math.max(1, passed());

async function run(): Promise<void> {
  const socket = connect({ host, port: Number(port), noDelay: true });
  await once(socket, "connect");
  while (passed() < Number(millis)) {
    if (isAhead()) await pause(1);
    else {
      const answer = once(socket, "data");
      socket.write(request);
      await answer;
    }
  }
  socket.destroy();
}

await Promise.all(Array.from({ length: clients }, run));
