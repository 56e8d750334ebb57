/**
 * `handshakes.ts HOST PORT KEY CHAIN SECONDS full|resumed`: connects with mutual TLS 1.3, ends the connection as soon as the
 * handshake is done and connects again when it is closed, eight at once. Prints one line of JSON.
 */
import { readFileSync } from "node:fs";
import { type ConnectionOptions, connect, createSecureContext } from "node:tls";

const [host = "", port = "", key = "", chain = "", seconds = "1", kind] = process.argv.slice(2);
const atOnce = 8;
/** A server that resumes sends its ticket right behind the handshake. */
const ticketMillis = 1_000;
const welcomeMillis = 500;

const secureContext = createSecureContext({
  key: readFileSync(key),
  cert: readFileSync(chain),
  minVersion: "TLSv1.3",
});
const options: ConnectionOptions = {
  host,
  port: Number(port),
  secureContext,
  rejectUnauthorized: false,
  ALPNProtocols: ["h2", "http/1.1"],
};
await assertWelcome();
const session = kind === "resumed" ? await firstSession() : undefined;
let handshakes = 0;
let resumed = 0;
const start = performance.now();
const deadline = start + Number(seconds) * 1_000;
await Promise.all(Array.from({ length: atOnce }, run));
const took = (performance.now() - start) / 1_000;
process.stdout.write(`${JSON.stringify({ handshakes, resumed, seconds: took })}\n`);

async function run(): Promise<void> {
  while (performance.now() < deadline) {
    await handshake();
    handshakes += 1;
  }
}

/** It is over when the server has closed too: what is destroyed at once takes the client's certificate along, unsent. */
async function handshake(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(session === undefined ? options : { ...options, session });
  let secure = false;
  socket.once("secureConnect", () => {
    secure = true;
    if (socket.isSessionReused()) resumed += 1;
    socket.end();
  });
  // What comes after the handshake, of a connection that is closed already, is nobody's concern.
  socket.on("error", (error) => secure || reject(error));
  socket.on("close", () => resolve());
  socket.resume();
  await promise;
}

/** In TLS 1.3 a client is done before the server has looked at its certificate: who is refused hears of it a little later. */
async function assertWelcome(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(options);
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the server closed the connection")));
  socket.resume();
  const timer = setTimeout(resolve, welcomeMillis);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function firstSession(): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect(options);
  socket.once("error", reject);
  socket.once("session", resolve);
  const timer = setTimeout(() => reject(new Error("no ticket came")), ticketMillis);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
