/** `catalog`: HTTP/2 without TLS. Each answer ends with a trailer that holds the SHA-256 of its body. */
import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";

const port = Number(process.env["PORT"] ?? 8080);
const greeting = process.env["GREETING"] ?? "welcome";
const names = ["anchor", "barnacle", "compass", "dinghy", "ensign"];

const server = createServer();
server.on("session", (session) => {
  session.on("error", (error) => console.log(`session lost: ${error.message}`));
});
server.on("stream", (stream: ServerHttp2Stream, headers) => {
  stream.on("error", (error) => console.log(`stream lost: ${error.message}`));
  const item = /^\/items\/(\d+)$/.exec(headers[":path"] ?? "")?.[1];
  if (item === undefined) {
    stream.respond({ ":status": 404 }, { endStream: true });
    return;
  }
  sendItem(stream, headers, Number(item));
});

function sendItem(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, id: number): void {
  const name = names[id % names.length];
  const body = Buffer.from(
    JSON.stringify({
      id,
      name,
      price: 10 + (id % 90),
      greeting,
      // Bodies of many sizes, so that some end inside a frame and some on its edge.
      description: `${name} `.repeat(1 + ((id * 37) % 4000)),
      // The mesh says who called; without a mesh nobody does.
      caller: headers["remora-client-id"] ?? "",
    }),
  );
  stream.respond({ ":status": 200, "content-type": "application/json" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => {
    stream.sendTrailers({ "body-sha256": createHash("sha256").update(body).digest("hex") });
  });
  stream.end(body);
}

server.listen(port, () => console.log(`catalog listens on ${port}`));
process.on("SIGTERM", () => server.close());
