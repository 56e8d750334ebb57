import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { connect } from "node:tls";
import { looksLikeClientHello, parseClientHello } from "./client-hello.ts";
import { buildClientHello, extension, inRecords } from "./testing/hello.ts";

test("server name and protocols of OpenSSL's own message are found", async () => {
  const bytes = await captureHello({
    servername: "Web.Shop.svc.cluster.local",
    ALPNProtocols: ["h2", "http/1.1"],
  });
  assert.deepEqual(parseClientHello(bytes), {
    serverName: "web.shop.svc.cluster.local",
    alpn: ["h2", "http/1.1"],
  });
});

test("a message without these extensions has neither", async () => {
  const bytes = await captureHello({ servername: "" });
  assert.deepEqual(parseClientHello(bytes), { serverName: undefined, alpn: [] });
});

test("every proper prefix asks for more", async () => {
  const bytes = await captureHello({ servername: "a.example" });
  for (let length = 0; length < bytes.length; length += 1) {
    assert.equal(parseClientHello(bytes.subarray(0, length)), undefined, `${length}`);
  }
});

test("a message in many records reads like one in one", () => {
  const message = buildClientHello([extension.serverName("a.example"), extension.alpn(["h2"])]);
  const whole = parseClientHello(inRecords(message, message.length));
  assert.deepEqual(whole, { serverName: "a.example", alpn: ["h2"] });
  for (const size of [3, 5, 50]) {
    if (message.length / size <= 64) {
      assert.deepEqual(parseClientHello(inRecords(message, size)), whole, `records of ${size}`);
    }
  }
});

const name = extension.serverName("a.example");
const invalid: readonly (readonly [string, Buffer])[] = [
  ["one-byte records", inRecords(buildClientHello([name]), 1)],
  ["an empty record", Buffer.from([22, 3, 1, 0, 0, 1])],
  ["another first message", inRecords(Buffer.from([2, 0, 0, 1, 0]), 5)],
  ["a message above the limit", Buffer.from([22, 3, 1, 0, 5, 1, 1, 0, 0, 3])],
  ["the same extension twice", inRecords(buildClientHello([name, name]), 512)],
  [
    "an extension that is longer than its list",
    inRecords(buildClientHello([Buffer.from([0, 9, 0, 9])]), 512),
  ],
  [
    "an empty protocol name",
    inRecords(buildClientHello([Buffer.from([0, 16, 0, 3, 0, 1, 0])]), 512),
  ],
  [
    "a server name list of the wrong length",
    inRecords(buildClientHello([Buffer.from([0, 0, 0, 6, 0, 5, 0, 0, 1, 0x61])]), 512),
  ],
  [
    "too many protocols",
    inRecords(buildClientHello([extension.alpn(Array<string>(33).fill("x"))]), 512),
  ],
  ["bytes behind the extensions", inRecords(buildClientHello([name], Buffer.from([0])), 512)],
];
for (const [what, bytes] of invalid) {
  test(`${what} is invalid`, () => {
    assert.equal(parseClientHello(bytes), "invalid");
  });
}

for (const text of ["10.0.0.1", "a\0b.example", "a..example", "ä.example", "x".repeat(64)]) {
  test(`the server name ${JSON.stringify(text.slice(0, 12))} is passed over`, () => {
    const bytes = inRecords(buildClientHello([extension.serverName(text)]), 512);
    assert.deepEqual(parseClientHello(bytes), { serverName: undefined, alpn: [] });
  });
}

test("six bytes decide whether it may be TLS", () => {
  assert.equal(looksLikeClientHello(Buffer.from([22, 3, 1, 2, 0])), undefined);
  assert.equal(looksLikeClientHello(Buffer.from([22, 3, 1, 2, 0, 1])), true);
  assert.equal(looksLikeClientHello(Buffer.from([22, 3, 9])), false);
});

async function captureHello(options: {
  servername: string;
  ALPNProtocols?: string[];
}): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      resolve(chunk);
      done();
    },
  });
  const socket = connect({ socket: wire, ...options });
  socket.on("error", () => {});
  const bytes = await promise;
  socket.destroy();
  return bytes;
}
