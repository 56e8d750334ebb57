/** `ask.ts IP PORT…`: connects to each port and prints what the other side says, one line each. */
import { once } from "node:events";
import { connect } from "node:net";

const [host = "", ...ports] = process.argv.slice(2);
for (const port of ports) {
  const socket = connect({ host, port: Number(port) });
  socket.setEncoding("utf8");
  let answer = "";
  socket.on("data", (text: string) => {
    answer += text;
  });
  try {
    await once(socket, "close");
  } catch (error) {
    answer = (error as NodeJS.ErrnoException).code ?? "error";
  }
  process.stdout.write(`${answer}\n`);
}
