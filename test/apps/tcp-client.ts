/**
 * What a test wants to know of plain TCP, asked from inside a pod; prints one line of JSON.
 *
 *   echo HOST PORT          sends a megabyte in odd pieces and compares what returns
 *   greet HOST PORT         waits for the greeting without a word; tells how long it took
 *   upload HOST PORT N      sends N bytes and FIN, then reads the digest: half-close in one direction
 *   download HOST PORT N [PAUSE_EVERY PAUSE_MILLIS]
 *                           asks for N bytes and reads them, with pauses if told so: a slow reader
 *   hold HOST PORT MILLIS   keeps an echo going for so long; tells how many came back and how it ended
 *   end HOST PORT [TEXT]    sends the text and tells how the connection ended: fin, or the error's code
 *   say HOST PORT TEXT WAIT sends the text and waits until what comes back holds WAIT
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { endProcess } from "../../src/core/end-process.ts";
import { patternChunks, patternDigest } from "./pattern.ts";

const [question = "", host = "", port = "", ...rest] = process.argv.slice(2);

const questions: Readonly<Record<string, () => Promise<unknown>>> = {
  async echo() {
    const socket = await open();
    const size = 1_000_003;
    const sent = Buffer.concat(Array.from(patternChunks(size), (chunk) => Buffer.from(chunk)));
    const reading = readAll(socket);
    for (let start = 0, step = 1; start < size; start += step, step = (step * 3 + 1) % 30_011) {
      socket.write(sent.subarray(start, start + step));
    }
    socket.end();
    const { length, sha256 } = await reading;
    return { length, same: length === size && sha256 === patternDigest(size) };
  },

  async greet() {
    const started = performance.now();
    const socket = await open();
    const [greeting] = (await once(socket, "data")) as [Buffer];
    const millis = performance.now() - started;
    socket.write("question\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    socket.end();
    return { greeting: greeting.toString(), answer: answer.toString(), millis };
  },

  async upload() {
    const size = Number(rest[0]);
    const socket = await open();
    const reading = readText(socket);
    for (const chunk of patternChunks(size)) {
      if (!socket.write(Buffer.from(chunk))) await once(socket, "drain");
    }
    socket.end();
    const [length, sha256] = (await reading).trim().split(" ");
    return { length: Number(length), same: sha256 === patternDigest(size) };
  },

  async download() {
    const size = Number(rest[0]);
    const pauseEvery = Number(rest[1] ?? Number.POSITIVE_INFINITY);
    const pauseMillis = Number(rest[2] ?? 0);
    const socket = await open();
    socket.write(`${size}\n`);
    const hash = createHash("sha256");
    let length = 0;
    let untilPause = pauseEvery;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      hash.update(chunk);
      length += chunk.length;
      untilPause -= chunk.length;
      if (untilPause > 0) continue;
      untilPause = pauseEvery;
      await new Promise((resolve) => setTimeout(resolve, pauseMillis));
    }
    return { length, same: hash.digest("hex") === patternDigest(size) };
  },

  async hold() {
    const socket = await open();
    const until = performance.now() + Number(rest[0]);
    const held = { echoes: 0, ended: "" };
    const ended = new Promise<void>((resolve) => {
      const end = (how: string) => {
        held.ended ||= how;
        resolve();
      };
      socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      socket.on("end", () => end("fin"));
    });
    while (performance.now() < until && held.ended === "") {
      socket.write("still here\n");
      await Promise.race([new Promise((resolve) => socket.once("data", resolve)), ended]);
      if (held.ended === "") held.echoes += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    socket.destroy();
    return held;
  },

  async end() {
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    let text = "";
    const ended = new Promise<string>((resolve) => {
      socket.on("end", () => resolve("fin"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    if (rest[0] !== undefined) socket.write(rest[0]);
    const how = await ended;
    socket.destroy();
    return { ended: how, text };
  },

  async say() {
    const [text = "", wait = ""] = rest;
    const socket = await open();
    socket.write(text);
    let answer = "";
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      answer += chunk.toString("latin1");
      if (answer.includes(wait)) break;
    }
    return { text: answer };
  },
};

async function open(): Promise<Socket> {
  const socket = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  return socket;
}

async function readAll(socket: Socket): Promise<{ length: number; sha256: string }> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    hash.update(chunk as Buffer);
    length += (chunk as Buffer).length;
  }
  return { length, sha256: hash.digest("hex") };
}

async function readText(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) text += String(chunk);
  return text;
}

const ask = questions[question];
if (ask === undefined) throw new Error(`no question ${question}`);
console.log(JSON.stringify(await ask()));
await endProcess(process, 0);
