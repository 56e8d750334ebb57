/**
 * `shopper`: a customer who never sleeps. Without arguments it visits the shop at a steady rate until it is
 * stopped; `--check N` makes N visits of each kind, prints one line of JSON with what it found, and exits;
 * `--trespass HOST:PORT` calls a server that customers have no business with and prints `served` or `refused`.
 */
import { createHash, randomBytes } from "node:crypto";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Receipt } from "./cart-service.ts";

const webUrl = process.env["WEB_URL"] ?? "http://web:8080";
const visitsPerSecond = Number(process.env["VISITS_PER_SECOND"] ?? 40);
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly trailers: IncomingMessage["trailers"];
  readonly body: Buffer;
}

function visit(path: string, method = "GET", body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, webUrl), { method, agent, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers, trailers } = response;
        resolve({ status, headers, trailers, body: Buffer.concat(chunks) });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} in 10 s`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

async function visitJson<T>(path: string, method?: string): Promise<T> {
  const { status, headers, body } = await visit(path, method);
  const reason = headers["proxy-status"]?.toString() ?? body.toString("utf8", 0, 200);
  if (status !== 200) throw new Error(`${path} answered ${status}: ${reason}`);
  return JSON.parse(body.toString()) as T;
}

type Plain = string | number | boolean | undefined;

function assertSame(what: string, actual: Plain, expected: Plain): void {
  if (actual !== expected) throw new Error(`${what} is ${actual}, not ${expected}`);
}

/** One visit of each kind. Each gives the callers that the servers on its way saw, `server=identity`. */
const visits: Readonly<Record<string, (round: number) => Promise<string[]>>> = {
  async http1(round) {
    const body = randomBytes((round * 7919) % 100_000);
    const answer = await visit("/echo", "POST", body);
    assertSame("the status", answer.status, 200);
    assertSame("the echo's body", answer.body.equals(body), true);
    const hash = createHash("sha256").update(body).digest("hex");
    assertSame("the body-sha256 trailer", answer.trailers["body-sha256"], hash);
    return [`web=${String(answer.headers["x-caller"])}`];
  },

  async http2(round) {
    const { caller, item, trailerHolds } = await visitJson<{
      caller: string;
      item: { id: number; caller: string };
      trailerHolds: boolean;
    }>(`/items/${round}`);
    assertSame("the item's id", item.id, round);
    assertSame("the body and its trailer agree", trailerHolds, true);
    return [`web=${caller}`, `catalog=${item.caller}`];
  },

  "grpc unary": (round) => fillCart("unary", `unary-${round}`, 1, 7),
  "grpc client stream": (round) => fillCart("client-stream", `client-${round}`, 3, 6),
  "grpc server stream": (round) => fillCart("server-stream", `server-${round}`, 3, 6),
  "grpc bidi stream": (round) => fillCart("bidi", `bidi-${round}`, 3, 6),
  "grpc deadline": (round) => fillCart("deadline", `late-${round}`, 0, 0),

  async websocket(round) {
    const socket = await openSocket();
    try {
      const sent = randomBytes((round * 101) % 70_000);
      const reply = await socket.echo(sent);
      assertSame("the echoed message", reply.equals(sent), true);
      return [`web=${socket.caller}`];
    } finally {
      await socket.close();
    }
  },
};

async function fillCart(kind: string, user: string, count: number, total: number) {
  const { caller, receipt } = await visitJson<{ caller: string; receipt: Receipt }>(
    `/cart/${user}/${kind}`,
    "POST",
  );
  assertSame("the receipt's count", receipt.count, count);
  assertSame("the receipt's total", receipt.total, total);
  const written = kind === "unary" || kind === "client-stream" || kind === "bidi";
  const entry = receipt.entry.replace(/^OK \d+ /, "");
  assertSame("the ledger's entry", written ? entry.split(" ")[0] : entry, written ? user : "");
  return kind === "deadline" ? [`web=${caller}`] : [`web=${caller}`, `cart=${receipt.caller}`];
}

interface Socket {
  readonly caller: string;
  echo(message: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** `stopping` cuts it. */
async function openSocket(stopping?: AbortSignal): Promise<Socket> {
  const socket = new WebSocket(webUrl.replace("http", "ws") + "/socket", {
    handshakeTimeout: 10_000,
  });
  const cut = () => socket.terminate();
  stopping?.addEventListener("abort", cut, { once: true });
  socket.once("close", () => stopping?.removeEventListener("abort", cut));
  const messages: Buffer[] = [];
  let wake = () => {};
  let lost: Error | undefined;
  const fail = (error: Error) => {
    lost ??= error;
    wake();
  };
  socket.on("message", (data) => {
    messages.push(data as Buffer);
    wake();
  });
  socket.on("error", fail);
  socket.on("close", (code) => fail(new Error(`the WebSocket was closed with code ${code}`)));
  const next = async (): Promise<Buffer> => {
    while (messages.length === 0) {
      if (lost !== undefined) throw lost;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return messages.shift() ?? Buffer.alloc(0);
  };
  const { caller } = JSON.parse((await next()).toString()) as { caller: string };
  return {
    caller,
    echo(message) {
      socket.send(message);
      return next();
    },
    close: () =>
      new Promise((resolve) => {
        if (socket.readyState === WebSocket.CLOSED) resolve();
        socket.once("close", () => resolve());
        socket.close(1000);
      }),
  };
}

/** What `--check` prints. */
interface Findings {
  readonly kind: string;
  sent: number;
  failed: number;
  /** The first few reasons. */
  readonly problems: string[];
  /** How often which server saw which caller. */
  readonly callers: Record<string, number>;
}

async function check(rounds: number): Promise<void> {
  const all: Findings[] = [];
  for (const [kind, visitOnce] of Object.entries(visits)) {
    const findings: Findings = { kind, sent: 0, failed: 0, problems: [], callers: {} };
    all.push(findings);
    const work = Array.from({ length: rounds }, (_, round) => round);
    // Eight at a time: enough that requests share connections, too few to be a load test.
    const workers = Array.from({ length: 8 }, async () => {
      for (let round = work.shift(); round !== undefined; round = work.shift()) {
        findings.sent += 1;
        try {
          for (const seen of await visitOnce(round)) {
            findings.callers[seen] = (findings.callers[seen] ?? 0) + 1;
          }
        } catch (error) {
          findings.failed += 1;
          if (findings.problems.length < 3) findings.problems.push((error as Error).message);
        }
      }
    });
    await Promise.all(workers);
  }
  console.log(JSON.stringify(all));
}

/**
 * Visits at a steady rate, whatever the answers: a slow shop is seen as latency, not as fewer visits. SIGTERM closes what it
 * holds open, with which the program ends.
 */
function live(): void {
  const stopping = new AbortController();
  // What people do in a shop: mostly look, sometimes buy.
  const habits = ["http1", "http2", "http2", "http2", "grpc unary", "grpc bidi stream"];
  let round = 0;
  const timer = setInterval(() => {
    round += 1;
    const kind = habits[round % habits.length] ?? "http1";
    visits[kind]?.(round % 1_000).catch((error: Error) => {
      if (!stopping.signal.aborted) console.log(`${kind}: ${error.message}`);
    });
  }, 1_000 / visitsPerSecond);
  process.once("SIGTERM", () => {
    stopping.abort();
    clearInterval(timer);
    agent.destroy();
  });
  void holdSocket(stopping.signal);
}

/** Keeps one WebSocket open and sends an echo through it every second. */
async function holdSocket(stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      const socket = await openSocket(stopping);
      for (;;) {
        const sent = randomBytes(32);
        assertSame("the echoed message", (await socket.echo(sent)).equals(sent), true);
        await sleep(1_000, undefined, { signal: stopping });
      }
    } catch (error) {
      if (stopping.aborted) return;
      console.log(`websocket: ${(error as Error).message}`);
      await sleep(1_000, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/** A server that speaks first serves whoever gets one byte out of it. */
function trespass(address: string): Promise<"served" | "refused"> {
  const [host = "", port = ""] = address.split(":");
  const socket = connect({ host, port: Number(port), timeout: 5_000 });
  return new Promise((resolve) => {
    const end = (result: "served" | "refused") => {
      socket.destroy();
      resolve(result);
    };
    socket.on("data", () => end("served"));
    socket.on("end", () => end("refused"));
    socket.on("error", () => end("refused"));
    socket.on("timeout", () => end("refused"));
  });
}

if (process.argv[2] === "--trespass") {
  console.log(await trespass(process.argv[3] ?? "ledger:7070"));
} else if (process.argv[2] === "--check") {
  await check(Number(process.argv[3] ?? 200));
  agent.destroy();
} else {
  console.log(`shopper visits ${webUrl} ${visitsPerSecond} times a second`);
  live();
}
