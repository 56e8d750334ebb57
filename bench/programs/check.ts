/** `check.ts http1|http2|grpc HOST PORT`: one request whose answer must be complete, before anything is measured. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { connect } from "node:http2";
import { buffer } from "node:stream/consumers";

const [traffic = "", host = "", port = ""] = process.argv.slice(2);
const deadline = Date.now() + 10_000;
for (;;) {
  try {
    await (traffic === "http1" ? http1() : http2());
    break;
  } catch (error) {
    // A proxy may accept before it has found its way to the other side.
    if (Date.now() > deadline) {
      process.stderr.write(`${(error as Error).message.replaceAll(/\s+/g, " ")}\n`);
      process.exit(1);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
process.exit(0);

async function http1(): Promise<void> {
  for (const [path, size] of [
    ["/100", 100],
    ["/10k", 10_240],
  ] as const) {
    const [response] = await once(get({ host, port, path }), "response");
    assert.equal(response.statusCode, 200);
    assert.equal((await buffer(response)).length, size);
  }
}

async function http2(): Promise<void> {
  const session = connect(`http://${host}:${port}`);
  const grpc = traffic === "grpc";
  const stream = grpc
    ? session.request({
        ":method": "POST",
        ":path": "/bench.Echo/Unary",
        "content-type": "application/grpc",
        te: "trailers",
      })
    : session.request({ ":path": "/100" });
  let trailers: Record<string, unknown> = {};
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.end(grpc ? Buffer.from([0, 0, 0, 0, 0]) : undefined);
  try {
    // Errors of the session reach the stream; without a listener they would end the program before its next try.
    session.on("error", () => {});
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 200);
    assert.equal((await buffer(stream)).length, grpc ? 107 : 100);
    if (grpc) assert.equal(trailers["grpc-status"], "0");
  } finally {
    session.destroy();
  }
}
