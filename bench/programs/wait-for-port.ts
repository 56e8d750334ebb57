/**
 * `wait-for-port.ts HOST PORT [PATH]`: prints the monotonic time at which HOST:PORT first accepts a connection, or first
 * answers a GET of PATH with 200.
 */
import { get } from "node:http";
import { connect } from "node:net";

const [host = "127.0.0.1", port = "0", path] = process.argv.slice(2);
/** A refused connection costs the program nothing; an answer that it is not ready yet delays it. */
const unreadyMillis = 10;
/** The slowest that is measured knows ten thousand policies before it is ready. */
const deadline = Date.now() + 60_000;
process.stdout.write("watching\n");
attempt();

function attempt(): void {
  if (path === undefined) {
    const socket = connect(Number(port), host);
    socket.once("connect", () => report());
    socket.once("error", () => again());
    return;
  }
  const request = get({ host, port, path, agent: false }, (response) => {
    response.resume();
    if (response.statusCode === 200) report();
    else again(unreadyMillis);
  });
  request.once("error", () => again());
}

function report(): void {
  process.stdout.write(`${process.hrtime.bigint()}\n`, () => process.exit(0));
}

function again(delay = 1): void {
  if (Date.now() > deadline) process.exit(1);
  setTimeout(attempt, delay);
}
