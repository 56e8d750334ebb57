/**
 * Load that must not fail: keeps asking until SIGTERM (or for `--for MILLIS`), then prints one line of JSON
 * { requests, echoes, errors, problems }. An error is anything that an application would notice.
 *
 *   steady.ts [--http URL] [--tcp HOST:PORT] [--dial HOST:PORT] [--grpc HOST:PORT] [--for MILLIS]
 *
 * HTTP uses keep-alive connections, gRPC one channel, TCP one connection that is held all the time, and `dial` a
 * connection of TCP for each question.
 */
import { once } from "node:events";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { Client, credentials } from "@grpc/grpc-js";
import { endProcess } from "../../src/core/end-process.ts";
import { echoService } from "./grpc-echo.ts";

const { values } = parseArgs({
  options: {
    http: { type: "string" },
    tcp: { type: "string" },
    dial: { type: "string" },
    grpc: { type: "string" },
    for: { type: "string" },
  },
});
const result = { requests: 0, echoes: 0, errors: 0, problems: [] as string[] };
const state = { stopped: false };
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

function fail(problem: string): void {
  if (state.stopped) return;
  result.errors += 1;
  if (result.problems.length < 5) result.problems.push(`${new Date().toISOString()} ${problem}`);
}

function askHttp(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, timeout: 10_000 }, (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => {
        const reason = response.headers["proxy-status"]?.toString() ?? "";
        if (response.statusCode === 200 && response.complete) resolve("");
        else reject(new Error(`HTTP ${response.statusCode} ${reason}`));
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in 10 s")));
    request.on("error", reject);
  });
}

function askGrpc(client: Client): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = echoService.Unary;
  const deadline = Date.now() + 10_000;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      Buffer.from("steady"),
      { deadline },
      (error) => (error === null ? resolve() : reject(error)),
    );
  });
}

/** Ends its side, and has its answer only when the server has ended the other. */
async function askTcp(address: string): Promise<void> {
  const { host, port } = parseAddress(address);
  const socket = connect({ host, port, noDelay: true });
  socket.setTimeout(10_000, () => socket.destroy(new Error("no answer in 10 s")));
  socket.end("steady");
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  if (answer !== "steady") throw new Error(`TCP answered ${JSON.stringify(answer)}`);
}

function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const [host = "", port = ""] = address.split(":");
  return { host, port: Number(port) };
}

async function keepAsking(ask: () => Promise<unknown>): Promise<void> {
  while (!state.stopped) {
    try {
      await ask();
      result.requests += 1;
    } catch (error) {
      fail((error as Error).message);
    }
    // A modest rate: this is to find errors, not limits.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function keepEchoing(address: string): Promise<void> {
  const { host, port } = parseAddress(address);
  const socket = connect({ host, port, noDelay: true });
  socket.on("error", (error) => fail(`TCP ${error.message}`));
  socket.on("end", () => fail("TCP the server ended the connection"));
  await once(socket, "connect");
  while (!state.stopped && !socket.destroyed) {
    const answer = once(socket, "data");
    socket.write("steady");
    await answer;
    result.echoes += 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  socket.destroy();
}

function stop(): void {
  state.stopped = true;
  console.log(JSON.stringify(result));
  void endProcess(process, 0);
}

process.on("SIGTERM", stop);
if (values.for !== undefined) setTimeout(stop, Number(values.for));
console.log("steady load runs");
const work: Promise<void>[] = [];
if (values.http !== undefined) {
  const url = values.http;
  for (let worker = 0; worker < 4; worker += 1) work.push(keepAsking(() => askHttp(url)));
}
if (values.grpc !== undefined) {
  const client = new Client(values.grpc, credentials.createInsecure());
  for (let worker = 0; worker < 2; worker += 1) work.push(keepAsking(() => askGrpc(client)));
}
const { dial } = values;
if (dial !== undefined) work.push(keepAsking(() => askTcp(dial)));
if (values.tcp !== undefined) work.push(keepEchoing(values.tcp));
await Promise.all(work.map((one) => one.catch((error: Error) => fail(error.message))));
