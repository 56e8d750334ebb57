import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { freePorts } from "../apps/free-ports.ts";
import { startProgram } from "../apps/program.ts";

interface Findings {
  readonly kind: string;
  readonly sent: number;
  readonly failed: number;
  readonly problems: readonly string[];
}

test("the five applications of the shop understand each other without a mesh", async () => {
  const [ledger, catalog, cart, web] = (await freePorts(4)).map(String);
  assert.ok(ledger && catalog && cart && web);
  await using ledgerApp = await startApp("ledger", { PORT: ledger });
  await using catalogApp = await startApp("catalog", { PORT: catalog });
  await using cartApp = await startApp("cart", {
    PORT: cart,
    LEDGER_HOST: "127.0.0.1",
    LEDGER_PORT: ledger,
  });
  await using webApp = await startApp("web", {
    PORT: web,
    CATALOG_URL: `http://127.0.0.1:${catalog}`,
    CART_ADDRESS: `127.0.0.1:${cart}`,
  });
  for (const app of [ledgerApp, catalogApp, cartApp, webApp]) await app.output(/listens on/);

  await using shopper = await startApp("shopper", { WEB_URL: `http://127.0.0.1:${web}` }, [
    "--check",
    "20",
  ]);
  assert.equal(await shopper.exit(), 0, shopper.text());
  const findings = JSON.parse(shopper.text()) as Findings[];
  assert.equal(findings.length, 8);
  for (const { kind, sent, failed, problems } of findings) {
    assert.deepEqual({ sent, failed }, { sent: 20, failed: 0 }, `${kind}: ${problems.join("; ")}`);
  }
});

test("a cart whose ledger is gone says so on every kind of call, long before the deadline", async () => {
  const [nobody, cart, web] = (await freePorts(3)).map(String);
  assert.ok(nobody && cart && web);
  await using cartApp = await startApp("cart", {
    PORT: cart,
    LEDGER_HOST: "127.0.0.1",
    LEDGER_PORT: nobody,
  });
  await using webApp = await startApp("web", { PORT: web, CART_ADDRESS: `127.0.0.1:${cart}` });
  for (const app of [cartApp, webApp]) await app.output(/listens on/);
  for (const kind of ["unary", "client-stream", "bidi"]) {
    const answer = await fetch(`http://127.0.0.1:${web}/cart/eve/${kind}`, { method: "POST" });
    assert.equal(answer.status, 502);
    assert.match(await answer.text(), /14 UNAVAILABLE: connect ECONNREFUSED/, kind);
  }
});

test("the shopper who never sleeps ends at SIGTERM, while its requests and its socket are open", async () => {
  // Keeps every request waiting, and answers on the WebSocket.
  const web = createServer();
  const sockets = new WebSocketServer({ server: web });
  const echoed = new Promise((resolve) => {
    sockets.on("connection", (socket) => {
      socket.on("message", resolve);
      socket.send(JSON.stringify({ caller: "nobody" }));
    });
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const { port } = web.address() as AddressInfo;
  try {
    await using shopper = await startApp("shopper", { WEB_URL: `http://127.0.0.1:${port}` });
    await Promise.all([echoed, once(web, "request")]);
    shopper.kill();
    assert.equal(await shopper.exit(5_000), 0);
  } finally {
    web.close();
    web.closeAllConnections();
  }
});

function startApp(name: string, env: Record<string, string>, args: string[] = []) {
  return startProgram([process.execPath, `examples/shop/apps/${name}.ts`, ...args], { env });
}
