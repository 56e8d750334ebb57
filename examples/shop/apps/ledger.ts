/**
 * `ledger`: plain TCP, one line per command, and the server speaks first.
 *
 *     < 220 ledger ready
 *     > ENTRY alice 12
 *     < OK 1 alice 12
 *     > SUM alice
 *     < OK 1 alice 12
 */
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

const port = Number(process.env["PORT"] ?? 7070);
const sums = new Map<string, number>();
let entries = 0;

// A client that says FIN after its last command still gets all answers.
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", (error) => console.log(`connection lost: ${error.message}`));
  socket.write("220 ledger ready\n");
  void answerAll(socket);
});

async function answerAll(socket: Socket): Promise<void> {
  try {
    for await (const line of createInterface({ input: socket })) socket.write(`${answer(line)}\n`);
  } catch {
    // The connection is gone, and its error is logged above.
  }
  socket.end();
}

function answer(line: string): string {
  const [command, user, amount] = line.split(" ");
  if (user === undefined || user === "") return "ERROR ENTRY USER AMOUNT | SUM USER";
  if (command === "SUM") return `OK ${entries} ${user} ${sums.get(user) ?? 0}`;
  if (command !== "ENTRY" || !Number.isFinite(Number(amount))) return "ERROR not understood";
  entries += 1;
  sums.set(user, (sums.get(user) ?? 0) + Number(amount));
  return `OK ${entries} ${user} ${sums.get(user)}`;
}

server.listen(port, () => console.log(`ledger listens on ${port}`));
process.on("SIGTERM", () => server.close());
