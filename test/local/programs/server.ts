/** An HTTP server whose readiness and liveness are switched by requests: `/unready`, `/die`. */
import { createServer } from "node:http";

let ready = true;
let alive = true;

const server = createServer((request, response) => {
  if (request.url === "/unready") ready = false;
  if (request.url === "/die") alive = false;
  const bad = (request.url === "/ready" && !ready) || (request.url === "/live" && !alive);
  response.writeHead(bad ? 503 : 200);
  response.end(`${process.env["COLOUR"] ?? ""} from ${process.env["HOSTNAME"] ?? ""}\n`);
});
server.listen(8080);
process.once("SIGTERM", () => {
  process.stdout.write("bye\n");
  server.close();
  server.closeAllConnections();
});
process.stdout.write("listening\n");
