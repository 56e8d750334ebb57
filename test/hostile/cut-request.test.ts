/**
 * A request that was cut is never whole to the application. node:http2 is a telling judge: RST_STREAM(NO_ERROR) in the
 * middle of a body is to it, once it has answered, the proper end of the request, as END_STREAM is.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { CLIENT_PREFACE, NO_ERROR } from "../../src/protocol/http2/numbers.ts";
import {
  data,
  type Field,
  headers,
  reset,
  settings,
} from "../../src/protocol/http2/testing/frames.ts";
import { createTestAuthority, startTestPod, type TestPod } from "../proxy/mesh-pair.ts";

const ip = "127.0.1.75";
const post: Field[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "app"],
  ["content-length", "700"],
];

let pod: TestPod;
let application: Http2Server;

before(async () => {
  pod = await startTestPod({ ip, serviceAccount: "server", authority: createTestAuthority() });
  application = createServer();
  application.listen(0, ip);
  await once(application, "listening");
  pod.inboundDst = { ip, port: (application.address() as AddressInfo).port };
});

after(async () => {
  application.close();
  await pod.stop();
});

/** Ways for a request to end before it is whole, once the application has its head and answered, or not. */
const cuts: Readonly<Record<string, (client: Socket) => void>> = {
  "that its answer overtook": () => {},
  "whose client resets it in order": (client) => void client.write(reset(1, NO_ERROR)),
  "whose client says FIN": (client) => void client.end(),
  "whose client is gone": (client) => void client.resetAndDestroy(),
};

for (const [way, cut] of Object.entries(cuts)) {
  const early = cut === cuts["that its answer overtook"];
  test(`a request ${way} is not whole to the application`, async () => {
    const client = connect({ host: ip, port: 15_006 });
    client.on("error", () => {});
    client.resume();
    client.write(CLIENT_PREFACE, "latin1");
    client.write(Buffer.concat([settings({}), headers(1, post), data(1, "a part")]));
    const [stream] = (await once(application, "stream")) as [ServerHttp2Stream];
    stream.on("error", () => {});
    stream.resume();
    const closed = new Promise((resolve) => stream.on("close", resolve));
    // A head without an end: the writable half that node:http2 then sees closing must not decide for it.
    stream.respond({ ":status": 200 });
    if (early) stream.end("enough");
    cut(client);
    await closed;
    assert.notEqual(stream.rstCode, NO_ERROR);
    client.destroy();
  });
}
