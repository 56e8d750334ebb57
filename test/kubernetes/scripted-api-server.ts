/** An API server that does what a test says, for the faults that a real one does not show on demand. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface ScriptedApiServer {
  readonly kubeconfig: string;
  readonly tokenFile: string;
  /** The next request, once there is one, with what answers it. */
  next(): Promise<{ readonly url: URL; readonly request: IncomingMessage; answer: ServerResponse }>;
  close(): Promise<void>;
}

interface Exchange {
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly answer: ServerResponse;
}

export async function startScriptedApiServer(): Promise<ScriptedApiServer> {
  const waiting: Exchange[] = [];
  const asking: ((exchange: Exchange) => void)[] = [];
  const server = createServer((request, answer) => {
    const exchange = { url: new URL(request.url ?? "", "http://api"), request, answer };
    const ask = asking.shift();
    if (ask === undefined) waiting.push(exchange);
    else ask(exchange);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const folder = mkdtempSync(join(tmpdir(), "remora-scripted-"));
  const kubeconfig = join(folder, "kubeconfig");
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, "first");
  const { port } = server.address() as AddressInfo;
  writeFileSync(kubeconfig, JSON.stringify(describeServer(port, tokenFile)));
  return {
    kubeconfig,
    tokenFile,
    next() {
      const exchange = waiting.shift();
      if (exchange !== undefined) return Promise.resolve(exchange);
      return new Promise((resolve) => asking.push(resolve));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The user is the one that client-node makes of a pod's own service account. */
function describeServer(port: number, tokenFile: string): unknown {
  const cluster = { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
  const user = { "auth-provider": { name: "tokenFile", config: { tokenFile } } };
  return {
    "current-context": "test",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "test", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "shop" } }],
  };
}

export function sendJson(answer: ServerResponse, status: number, body: unknown): void {
  answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** The API server's own refusal. */
export function sendStatus(answer: ServerResponse, code: number, reason: string): void {
  sendJson(answer, code, { kind: "Status", status: "Failure", code, reason, message: reason });
}

export function sendEvent(answer: ServerResponse, type: string, object: unknown): void {
  answer.write(`${JSON.stringify({ type, object })}\n`);
}
