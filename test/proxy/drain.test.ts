import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "./mesh-pair.ts";

const authority = createTestAuthority();
const clientIp = "127.0.0.12";
const toProxy = { host: clientIp, port: 15_001 };

interface Scene {
  readonly listeners: readonly http.Server[];
  readonly client: TestPod;
  readonly servers: readonly TestPod[];
  readonly stop: () => Promise<void>;
}

/** A client and one or two servers whose application answers with its own address when it is told to. */
async function scene(ips: readonly string[], app: http.RequestListener): Promise<Scene> {
  const client = await startTestPod({ ip: clientIp, serviceAccount: "client", authority });
  const servers: TestPod[] = [];
  const listeners: http.Server[] = [];
  for (const ip of ips) {
    servers.push(await startTestPod({ ip, serviceAccount: "server", authority }));
    const listener = http.createServer(app).listen(8_080, ip);
    await once(listener, "listening");
    listeners.push(listener);
  }
  client.origDst = { ip: "10.96.0.1", port: 80 };
  const endpoints = servers.map((server) => meshEndpoint(server, 8_080));
  client.destinations.set("10.96.0.1:80", serviceOf(endpoints, "http1"));
  const stop = async (): Promise<void> => {
    for (const listener of listeners) {
      listener.close();
      listener.closeAllConnections();
    }
    await Promise.all([client, ...servers].map((pod) => pod.stop()));
  };
  return { listeners, client, servers, stop };
}

async function get(agent: http.Agent | false): Promise<http.IncomingMessage> {
  const request = http.get({ ...toProxy, agent });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return response;
}

test("a server that drains finishes the response that runs", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let begun = (): void => {};
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let first = true;
  const { servers, stop } = await scene(["127.0.0.13", "127.0.0.14"], (request, response) => {
    const { localAddress = "" } = request.socket;
    if (!first) {
      response.end(localAddress);
      return;
    }
    first = false;
    response.write(`${localAddress} `);
    begun();
    void held.then(() => response.end("to the end"));
  });
  const running = await get(false);
  await started;
  const body = text(running);
  const drains = servers.map((server) => server.dataPath.drain());
  release();
  assert.match(await body, /^127\.0\.0\.1[34] to the end$/);
  await Promise.all(drains);
  await stop();
});

test("rolling from one endpoint to another under load loses no request", async () => {
  const { client, servers, stop } = await scene(["127.0.0.13", "127.0.0.14"], (request, response) =>
    response.end(request.socket.localAddress),
  );
  const [one, two] = servers as [TestPod, TestPod];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const answers = new Map<string, number>();
  const load = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      const response = await get(agent);
      assert.equal(response.statusCode, 200);
      const who = await text(response);
      answers.set(who, (answers.get(who) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 8 }, () => load(150));
  // As in a cluster, the endpoint drains before every client has heard that it is gone.
  const drained = one.dataPath.drain();
  await drained;
  client.destinations.set("10.96.0.1:80", serviceOf([meshEndpoint(two, 8_080)], "http1"));
  await Promise.all(clients);
  assert.ok((answers.get(two.ip) ?? 0) > 0);
  agent.destroy();
  await stop();
});

/** A server that has read what came closes with FIN, one that has not with RST. */
const closings: readonly (readonly [string, (socket: Socket) => void])[] = [
  ["closes", (socket) => void socket.end()],
  ["resets", (socket) => void socket.resetAndDestroy()],
];
const ways = closings.flatMap((each) =>
  (["mesh", "none"] as const).map((tunnel) => [...each, tunnel] as const),
);

for (const [how, close, tunnel] of ways) {
  test(`an application that ${how} all its idle connections costs no request, reached by ${tunnel}`, async (context) => {
    const idle = 4;
    let old = new Set<Socket>();
    let closing = false;
    const waiting = new Set<Socket>();
    const answer = (socket: Socket): void =>
      void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    const app = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => {
        if (old.has(socket)) close(socket);
        else if (closing) answer(socket);
        else waiting.add(socket);
        if (waiting.size < idle) return;
        for (const each of waiting) answer(each);
        old = new Set(waiting);
        waiting.clear();
      });
    });
    const { client, servers, stop } = await scene(["127.0.0.13"], () => {});
    app.listen(8_081, "127.0.0.13");
    await once(app, "listening");
    context.after(async () => {
      await stop();
      app.close();
    });
    const endpoint = { ...meshEndpoint(servers[0] as TestPod, 8_081), tunnel };
    client.destinations.set("10.96.0.1:80", serviceOf([endpoint], "http1"));
    const ask = async (): Promise<string> => {
      const response = await get(false);
      return `${response.statusCode} ${await text(response)}`;
    };
    const first = await Promise.all(Array.from({ length: idle }, ask));
    assert.deepEqual(new Set(first), new Set(["200 ok"]));
    assert.equal(old.size, idle);
    closing = true;
    assert.equal(await ask(), "200 ok");
  });
}

test("a client's own drain closes idle connections and tells busy ones that it goes", async () => {
  const { client, stop } = await scene(["127.0.0.13"], (_request, response) => response.end("ok"));
  const idle = connect(toProxy);
  await once(idle, "connect");
  idle.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(idle, "data");
  const drained = client.dataPath.drain();
  await once(idle, "end");
  idle.end();
  await drained;
  await stop();
});

test("a pod whose application went before its sidecar costs no request", async () => {
  const { client, listeners, stop } = await scene(
    ["127.0.0.13", "127.0.0.14"],
    (request, response) => response.end(request.socket.localAddress),
  );
  const [leaving] = listeners as [http.Server];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const ask = async (): Promise<void> => {
    for (let index = 0; index < 100; index += 1) {
      const response = await get(agent);
      assert.equal(response.statusCode, 200, String(response.headers["proxy-status"]));
      assert.equal(response.headers["remora-unprocessed"], undefined);
      await text(response);
    }
  };
  const clients = Array.from({ length: 4 }, ask);
  leaving.close();
  leaving.closeAllConnections();
  await Promise.all(clients);
  const retried = client.accessLog.filter(({ attempts }) => attempts > 1);
  assert.ok(retried.length > 0);
  agent.destroy();
  await stop();
});

test("when no other pod is left, the client reads why", async () => {
  const { listeners, stop } = await scene(["127.0.0.13"], () => {});
  for (const listener of listeners) listener.close();
  const response = await get(false);
  assert.equal(response.statusCode, 502);
  assert.match(
    String(response.headers["proxy-status"]),
    /connect_refused: connect to 127.0.0.13:8080/,
  );
  assert.equal(response.headers["remora-unprocessed"], undefined);
  await stop();
});
