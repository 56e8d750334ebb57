/** The socket on which a running mesh serves the commands: HTTP, private to the user who started it. */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { millis } from "../../core/duration.ts";
import type { Mesh } from "../mesh.ts";
import { NotYet } from "../pod/not-yet.ts";
import { UserError } from "../user-error.ts";
import { runExecSession } from "./exec-session.ts";
import { streamLogs } from "./log-stream.ts";
import type { ApplyRequest, ExecRequest, Refusal } from "./messages.ts";

/** Name of the socket in the mesh's directory. */
export const socketName = "api.sock";
/** Manifests given as text are the largest thing that is sent. */
const maxBodyBytes = 16 * 1024 * 1024;

/** Serves until the mesh stops; `onStop` is called when a command asks for that. */
export async function serveApi(mesh: Mesh, onStop: () => void): Promise<void> {
  const path = join(mesh.directory, socketName);
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    void answer(mesh, request, response, onStop);
  });
  server.on("upgrade", (request, stream) => void upgrade(mesh, request, stream));
  await listen(server, path);
  chmodSync(path, 0o600);
  mesh.onStop(() => server.close());
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}

async function answer(
  mesh: Mesh,
  request: IncomingMessage,
  response: ServerResponse,
  onStop: () => void,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://mesh");
  const query = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  try {
    switch (`${request.method} ${url.pathname}`) {
      case "GET /pods":
        return sendJson(response, 200, mesh.pods());
      case "GET /ready":
        return sendJson(response, 200, await mesh.whenReady(millis(Number(query("timeout")))));
      case "GET /logs":
        return streamLogs(mesh, query, response);
      case "POST /apply":
        return sendJson(response, 200, mesh.apply((await readJson(request)) as ApplyRequest));
      case "DELETE /pods": {
        const deleted = await mesh.delete(query("target") ?? "", query("namespace"));
        return sendJson(response, 200, { deleted });
      }
      case "POST /stop":
        sendJson(response, 202, {});
        return onStop();
      default:
        return refuse(response, 404, { error: `this mesh has no ${url.pathname}` });
    }
  } catch (error) {
    sendError(response, error);
  }
}

async function upgrade(mesh: Mesh, request: IncomingMessage, stream: Duplex): Promise<void> {
  const wanted = new URL(request.url ?? "/", "http://mesh").searchParams.get("request");
  stream.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: exec\r\nConnection: Upgrade\r\n\r\n");
  await runExecSession(mesh, JSON.parse(wanted ?? "{}") as ExecRequest, stream);
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (error instanceof UserError || error instanceof NotYet) {
    const hint = error instanceof UserError ? error.hint : undefined;
    refuse(response, 409, { error: error.message, ...(hint !== undefined && { hint }) });
    return;
  }
  refuse(response, 500, { error: error instanceof Error ? error.message : String(error) });
}

function refuse(response: ServerResponse, status: number, refusal: Refusal): void {
  sendJson(response, status, refusal);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new UserError("the manifests are larger than 16 MB");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
