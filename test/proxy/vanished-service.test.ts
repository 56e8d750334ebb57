/** A Service that is deleted while connections to it are open. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "./mesh-pair.ts";

const authority = createTestAuthority();
/** Nobody listens there: the address of a Service is nobody's own. */
const vip = { ip: "127.0.1.86", port: 7_000 };
let client: TestPod;
let server: TestPod;
let echo: Server;

before(async () => {
  client = await startTestPod({ ip: "127.0.1.87", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.1.88", serviceAccount: "server", authority });
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  echo.listen(0, server.ip);
  await once(echo, "listening");
});

after(async () => {
  echo.close();
  await client.stop();
  await server.stop();
});

async function echoed(socket: Socket, word: string): Promise<string> {
  const heard = once(socket, "data");
  socket.write(word);
  return String((await heard)[0]);
}

for (const declared of ["tcp", undefined] as const) {
  test(`a connection of ${declared ?? "an undeclared protocol"} lives on without its Service, and the next is refused`, async () => {
    vip.port += 1;
    const { port } = echo.address() as AddressInfo;
    const address = `${vip.ip}:${vip.port}`;
    client.destinations.set(address, serviceOf([meshEndpoint(server, port)], declared));
    client.origDst = { ...vip };
    const open = connect({ host: client.ip, port: 15_001, allowHalfOpen: true });
    assert.equal(await echoed(open, "before"), "before");

    client.destinations.delete(address);
    assert.equal(await echoed(open, "after"), "after");

    const next = connect({ host: client.ip, port: 15_001 });
    next.write("hello");
    const [error] = (await once(next, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    const refused = client.accessLog.at(-1);
    assert.equal(refused?.error, "connect_refused");
    assert.equal(refused.service, "external");
    assert.equal(refused.upstream, address);
    assert.equal(refused.peer, "unknown");
    assert.equal(client.failures.list()[0]?.detail, `connect to ${address}: ECONNREFUSED`);

    open.end("at last");
    assert.equal(await text(open), "at last");
    const ended = client.accessLog.at(-1);
    assert.equal(ended?.error, undefined);
    assert.equal(ended?.service, "test/service");
    assert.equal(ended?.peer, server.identity);
  });
}
