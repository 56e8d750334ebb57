/**
 * `reset-relay.ts PORT TARGET PERCENT [SEED]`: hands bytes on to 127.0.0.1:TARGET, and resets both connections after
 * PERCENT of the chunks that the server sends.
 */
import { connect, createServer } from "node:net";
import { createRandom } from "../../hostile/requests.ts";

const [port = 0, target = 0, percent = 0, seed = 1] = process.argv.slice(2).map(Number);
const random = createRandom(seed);

const server = createServer({ allowHalfOpen: true }, (downstream) => {
  const upstream = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
  const reset = (): void => {
    downstream.resetAndDestroy();
    upstream.resetAndDestroy();
  };
  downstream.on("error", reset);
  upstream.on("error", reset);
  downstream.pipe(upstream);
  upstream.pipe(downstream);
  upstream.on("data", () => {
    if (random(100) >= percent) return;
    process.stdout.write(`reset after ${upstream.bytesRead} bytes\n`);
    reset();
  });
});
server.listen(port, "0.0.0.0");
