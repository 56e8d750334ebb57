/** `wait-for-port.ts HOST PORT`: prints the monotonic time at which HOST:PORT first accepts a connection. */
import { connect } from "node:net";

const [host = "127.0.0.1", port = "0"] = process.argv.slice(2);
const deadline = Date.now() + 20_000;
process.stdout.write("watching\n");
attempt();

function attempt(): void {
  const socket = connect(Number(port), host);
  socket.once("connect", () => {
    process.stdout.write(`${process.hrtime.bigint()}\n`);
    socket.destroy();
  });
  socket.once("error", () => {
    if (Date.now() > deadline) process.exit(1);
    setTimeout(attempt, 1);
  });
}
