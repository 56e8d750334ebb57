/** The requests that an application sees are those that a strict reading of the client's bytes gives. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { Server } from "node:net";
import { after, before, test } from "node:test";
import { cases, type Pair, runCases, seed, startPair } from "./differential.ts";
import { createStrictBackend, type Seen } from "./strict-backend.ts";

/** node:http knows a fixed list of methods, and calls a connection that was cut within a request an error. */
const theirs: ReadonlySet<string> = new Set(["HPE_INVALID_EOF_STATE", "HPE_INVALID_METHOD"]);

let pair: Pair;
const backends: Server[] = [];

before(async () => {
  pair = await startPair("127.0.1.2", "127.0.1.3");
});

after(async () => {
  for (const backend of backends) backend.close();
  await pair.stop();
});

async function serve(backend: Server): Promise<void> {
  backend.listen(0, pair.server.ip);
  await once(backend, "listening");
  backends.push(backend);
  pair.aim((backend.address() as { port: number }).port);
}

test(`a strict application sees what a strict reading gives (SEED=${seed})`, async () => {
  const backend = createStrictBackend();
  await serve(backend.server);
  const { verdicts } = await runCases(pair, {
    rule: "all",
    seen: () => backend.seen.splice(0),
    check: () => assert.deepEqual(backend.faults, []),
  });
  for (const verdict of ["bad", "incomplete"]) {
    assert.ok((verdicts.get(verdict) ?? 0) > cases / 100, `${verdict} was hardly tried`);
  }
});

test(`node:http sees what a strict reading gives (SEED=${seed})`, async () => {
  const seen: Seen[] = [];
  const backend = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => void (body += chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, authority: headers.host ?? "", path: url, body });
      response.end();
    });
  });
  const refused: string[] = [];
  backend.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A cut connection is how the sidecar ends a request that turned out bad; a parse error would be its fault.
    if (error.code?.startsWith("HPE_") === true && !theirs.has(error.code)) {
      refused.push(error.code);
    }
    socket.destroy();
  });
  await serve(backend);
  await runCases(pair, {
    rule: "some",
    seen: () => seen.splice(0),
    check: () => assert.deepEqual(refused, []),
  });
});
