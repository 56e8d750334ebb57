/** An HTTP server that asks another for each of its answers: a client and a server in one pod. */
import { Agent, createServer, get, type ServerResponse } from "node:http";
import { endProcess } from "../../src/core/end-process.ts";

const upstream = process.env["UPSTREAM"] ?? "http://127.0.0.1:8080/";
const agent = new Agent({ keepAlive: true });

function answer(response: ServerResponse): void {
  const question = get(upstream, { agent }, (found) => {
    response.writeHead(found.statusCode ?? 502, found.headers);
    found.on("error", () => response.destroy());
    found.pipe(response);
  });
  question.on("error", (error) => response.writeHead(502, error.message).end());
}

const server = createServer((_request, response) => answer(response));
const port = Number(process.env["PORT"] ?? 8081);
server.listen(port, () => console.log(`front listens on ${port}`));
process.on("SIGTERM", () => {
  server.close(() => void endProcess(process, 0));
  server.closeIdleConnections();
});
