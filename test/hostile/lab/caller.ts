/** `node caller.ts HOST PORT COUNT MILLIS`: an application that keeps asking a server, whatever it is answered. */
import { once } from "node:events";
import { connect } from "node:net";
import { endProcess } from "../../../src/core/end-process.ts";

const [host = "", port = "", count = "", millis = ""] = process.argv.slice(2);
const end = performance.now() + Number(millis);

async function ask(): Promise<void> {
  while (performance.now() < end) {
    const socket = connect({ host, port: Number(port) });
    socket.on("error", () => {});
    socket.resume();
    socket.write("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
    const timer = setTimeout(() => socket.destroy(), Math.max(0, end - performance.now()));
    await once(socket, "close").catch(() => undefined);
    clearTimeout(timer);
  }
}

await Promise.all(Array.from({ length: Number(count) }, ask));
await endProcess(process, 0);
