/** Talks to a WebSocket echo in every way that RFC 6455 has; prints one JSON object: question → "ok" or what was wrong. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";
import { endProcess } from "../../src/core/end-process.ts";

const [url = ""] = process.argv.slice(2);

async function open(options: { perMessageDeflate: boolean }): Promise<WebSocket> {
  const socket = new WebSocket(url, options);
  await once(socket, "open");
  return socket;
}

async function echo(socket: WebSocket, message: Buffer | string): Promise<void> {
  const answer = once(socket, "message");
  socket.send(message);
  const [reply, isBinary] = (await answer) as [Buffer, boolean];
  assert.equal(isBinary, typeof message !== "string");
  assert.ok(reply.equals(Buffer.from(message)), `${message.length} bytes came back changed`);
}

const questions: Readonly<Record<string, () => Promise<void>>> = {
  async "messages of all sizes"() {
    const socket = await open({ perMessageDeflate: false });
    // Around the edges of the length field (125, 65535) and of a megabyte.
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_048_577]) {
      await echo(socket, Buffer.alloc(size, size % 251));
    }
    await echo(socket, "text: grüße ☺");
    socket.close();
  },
  async "compressed messages"() {
    const socket = await open({ perMessageDeflate: true });
    await echo(socket, Buffer.alloc(200_000, "remora"));
    socket.close();
  },
  async "ping is answered with pong"() {
    const socket = await open({ perMessageDeflate: false });
    const pong = once(socket, "pong");
    socket.ping("are you there");
    assert.equal(String(((await pong) as [Buffer])[0]), "are you there");
    socket.close();
  },
  async "the close code arrives"() {
    const socket = await open({ perMessageDeflate: false });
    socket.close(4_001, "enough");
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    assert.deepEqual([code, String(reason)], [4_001, "enough"]);
  },
};

const answers: Record<string, string> = {};
for (const [name, ask] of Object.entries(questions)) {
  answers[name] = "ok";
  await ask().catch((error: Error) => {
    answers[name] = error.message;
  });
}
console.log(JSON.stringify(answers));
await endProcess(process, 0);
