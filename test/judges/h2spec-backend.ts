/** `h2spec-backend.ts PORT`: an HTTP/2 server without TLS that reads each request whole and answers it with 200. */
import { createServer, type ServerHttp2Stream } from "node:http2";

const server = createServer();
server.on("stream", (stream: ServerHttp2Stream) => {
  stream.on("error", () => undefined);
  stream.resume();
  stream.on("end", () => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-type": "text/plain" });
    stream.end("hello from behind the mesh\n");
  });
});
server.listen(Number(process.argv[2]), "0.0.0.0", () => process.stdout.write("listening\n"));
