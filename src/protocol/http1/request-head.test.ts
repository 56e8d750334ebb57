import assert from "node:assert/strict";
import { test } from "node:test";
import { byteByByte, inOnePiece } from "./testing/fake-host.ts";
import { formatRequest } from "./testing/recorder.ts";
import { serve } from "./testing/scenes.ts";

const host = "Host: a.example\r\n";
const line = `GET / HTTP/1.1\r\n${host}`;
const post = `POST / HTTP/1.1\r\n${host}`;

/** Bytes, and the status that refuses them. */
const refused: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  400: [
    ["CL.TE", `${post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`],
    ["TE.CL", `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n`],
    ["TE xchunked", `${post}Transfer-Encoding: xchunked\r\n\r\n`],
    ["TE chunked, identity", `${post}Transfer-Encoding: chunked, identity\r\n\r\n`],
    ["TE gzip, chunked", `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    ["TE ,chunked", `${post}Transfer-Encoding: ,chunked\r\n\r\n`],
    ["TE chunked,", `${post}Transfer-Encoding: chunked,\r\n\r\n`],
    ["TE chunked, chunked", `${post}Transfer-Encoding: chunked, chunked\r\n\r\n`],
    ["TE quoted", `${post}Transfer-Encoding: "chunked"\r\n\r\n`],
    ["TE with parameter", `${post}Transfer-Encoding: chunked;q=1\r\n\r\n`],
    ["TE identity", `${post}Transfer-Encoding: identity\r\n\r\n`],
    ["TE empty", `${post}Transfer-Encoding:\r\n\r\n`],
    ["TE after a tab", `${post}Transfer-Encoding:\tchunked\r\n\r\n`],
    ["TE before a tab", `${post}Transfer-Encoding: chunked\t\r\n\r\n`],
    ["TE with VT", `${post}Transfer-Encoding: \x0bchunked\r\n\r\n`],
    ["TE with FF", `${post}Transfer-Encoding: chunked\x0c\r\n\r\n`],
    ["TE with NUL", `${post}Transfer-Encoding: chunked\x00\r\n\r\n`],
    ["TE with NBSP", `${post}Transfer-Encoding: chunked\xa0\r\n\r\n`],
    ["TE folded", `${post}Transfer-Encoding:\r\n chunked\r\n\r\n`],
    ["TE name before a space", `${post}Transfer-Encoding : chunked\r\n\r\n`],
    ["TE name after a space", `${post} Transfer-Encoding: chunked\r\n\r\n`],
    ["TE name with underscore", `${post}Transfer_Encoding: chunked\r\n\r\n`],
    ["CL name with underscore", `${post}Content_Length: 5\r\n\r\n`],
    ["two TEs", `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ["TE and TE x", `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n`],
    ["TE in HTTP/1.0", `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n`],
    ["two different CLs", `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`],
    ["CL as a list", `${post}Content-Length: 5, 5\r\n\r\n`],
    ["CL +5", `${post}Content-Length: +5\r\n\r\n`],
    ["CL -5", `${post}Content-Length: -5\r\n\r\n`],
    ["CL -0", `${post}Content-Length: -0\r\n\r\n`],
    ["CL 0x5", `${post}Content-Length: 0x5\r\n\r\n`],
    ["CL 1_0", `${post}Content-Length: 1_0\r\n\r\n`],
    ["CL 05", `${post}Content-Length: 05\r\n\r\n`],
    ["CL 1e1", `${post}Content-Length: 1e1\r\n\r\n`],
    ["CL 5.0", `${post}Content-Length: 5.0\r\n\r\n`],
    ["CL 5 5", `${post}Content-Length: 5 5\r\n\r\n`],
    ["CL empty", `${post}Content-Length:\r\n\r\n`],
    ["CL blank", `${post}Content-Length:  \r\n\r\n`],
    ["CL huge", `${post}Content-Length: 18446744073709551621\r\n\r\n`],
    ["CL above 2^53", `${post}Content-Length: 9007199254740993\r\n\r\n`],
    ["CL after a tab", `${post}Content-Length:\t5\r\n\r\n`],
    ["space before the colon", `${line}X : y\r\n\r\n`],
    ["folded value", `${line}X: y\r\n z\r\n\r\n`],
    ["empty name", `${line}: y\r\n\r\n`],
    ["no colon", `${line}X y\r\n\r\n`],
    ["only a name", `${line}X\r\n\r\n`],
    ["NUL in a value", `${line}X: y\x00z\r\n\r\n`],
    ["CR in a value", `${line}X: y\rz\r\n\r\n`],
    ["LF in a value", `${line}X: y\nZ: a\r\n\r\n`],
    ["DEL in a value", `${line}X: \x7f\r\n\r\n`],
    ["NUL in a name", `${line}X\x00: y\r\n\r\n`],
    ["0x80 in a name", `${line}X\x80: y\r\n\r\n`],
    ["parenthesis in a name", `${line}X(: y\r\n\r\n`],
    ["blank before the first name", `GET / HTTP/1.1\r\n ${host}\r\n`],
    ["line ends of LF", "GET / HTTP/1.1\nHost: a.example\n\n"],
    ["one line end of LF", `GET / HTTP/1.1\nHost: a.example\r\n\r\n`],
    ["empty line of LF", `${line}\n`],
    ["HTTP/0.9", "GET /\r\n\r\n"],
    ["missing minor version", `GET / HTTP/1\r\n${host}\r\n`],
    ["two digits of minor version", `GET / HTTP/1.10\r\n${host}\r\n`],
    ["lower-case protocol", `GET / http/1.1\r\n${host}\r\n`],
    ["bytes behind the version", `GET / HTTP/1.1 \r\n${host}\r\n`],
    ["tabs between the words", `GET\t/\tHTTP/1.1\r\n${host}\r\n`],
    ["two spaces before the target", `GET  / HTTP/1.1\r\n${host}\r\n`],
    ["two spaces after the target", `GET /  HTTP/1.1\r\n${host}\r\n`],
    ["space in the target", `GET /a b HTTP/1.1\r\n${host}\r\n`],
    ["leading space", ` GET / HTTP/1.1\r\n${host}\r\n`],
    ["no target", `GET HTTP/1.1\r\n${host}\r\n`],
    ["fragment", `GET /#f HTTP/1.1\r\n${host}\r\n`],
    ["non-ASCII target", `GET /\xe9 HTTP/1.1\r\n${host}\r\n`],
    ["NUL in the target", `GET /\x00 HTTP/1.1\r\n${host}\r\n`],
    ["target without a slash", `GET x HTTP/1.1\r\n${host}\r\n`],
    ["GET *", `GET * HTTP/1.1\r\n${host}\r\n`],
    ["scheme that is not HTTP", `GET ftp://a.example/ HTTP/1.1\r\n${host}\r\n`],
    ["user in the target", `GET http://u@a.example/ HTTP/1.1\r\n${host}\r\n`],
    ["empty authority in the target", `GET http:///x HTTP/1.1\r\n${host}\r\n`],
    ["method that is not a token", `G(T / HTTP/1.1\r\n${host}\r\n`],
    ["method of 33 letters", `${"A".repeat(33)} / HTTP/1.1\r\n${host}\r\n`],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["CONNECT without port", `CONNECT a.example HTTP/1.1\r\n${host}\r\n`],
    ["CONNECT with a path", `CONNECT /x HTTP/1.1\r\n${host}\r\n`],
    ["CONNECT with content", `CONNECT a.example:1 HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nx`],
    ["TRACE with content", `TRACE / HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nx`],
    ["no host", "GET / HTTP/1.1\r\n\r\n"],
    ["no host in absolute form", "GET http://a.example/ HTTP/1.1\r\n\r\n"],
    ["empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
    ["two hosts", `${line}${host}\r\n`],
    ["two hosts in HTTP/1.0", `GET / HTTP/1.0\r\n${host}${host}\r\n`],
    ["host list", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"],
    ["host with user", "GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n"],
    ["host with path", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n"],
    ["host with scheme", "GET / HTTP/1.1\r\nHost: http://a.example\r\n\r\n"],
    ["host with empty port", "GET / HTTP/1.1\r\nHost: a.example:\r\n\r\n"],
    ["host with port x", "GET / HTTP/1.1\r\nHost: a.example:x\r\n\r\n"],
    ["host with port 65536", "GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n"],
    ["host with two ports", "GET / HTTP/1.1\r\nHost: a.example:1:2\r\n\r\n"],
    ["host with a space", "GET / HTTP/1.1\r\nHost: a example\r\n\r\n"],
    ["host with 0xff", "GET / HTTP/1.1\r\nHost: a\xff\r\n\r\n"],
    ["bad host beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a@b\r\n\r\n"],
    ["two empty lines first", `\r\n\r\n${line}\r\n`],
    ["CR alone first", `\r${line}\r\n`],
  ],
  414: [["target of 16385 bytes", `GET /${"a".repeat(16_384)} HTTP/1.1\r\n${host}\r\n`]],
  431: [
    ["129 header lines", `${line}${"x: y\r\n".repeat(128)}\r\n`],
    ["head above 64 KiB", `${line}x: ${"y".repeat(65_536)}\r\n\r\n`],
    ["head above 64 KiB that never ends", `${line}x: ${"y".repeat(65_536)}`],
  ],
  505: [
    ["HTTP/2.0", `GET / HTTP/2.0\r\n${host}\r\n`],
    ["HTTP/1.2", `GET / HTTP/1.2\r\n${host}\r\n`],
    ["HTTP/3.1", `GET / HTTP/3.1\r\n${host}\r\n`],
  ],
};

for (const [status, cases] of Object.entries(refused)) {
  for (const [what, bytes] of cases) {
    test(`${what}: ${status}, close, and nothing forwarded`, () => {
      for (const split of [inOnePiece, byteByByte]) {
        const scene = serve(undefined, split);
        scene.peer.sends(bytes).sends("GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n");
        const heard = scene.peer.hears();
        const head = heard.split("\r\n");
        assert.ok(head[0]?.startsWith(`HTTP/1.1 ${status} `), heard);
        assert.match(head[1] ?? "", /^proxy-status: remora; error=http_request_error; details="/);
        assert.deepEqual(head.slice(2), ["content-length: 0", "connection: close", "", ""]);
        assert.equal(scene.app.accepted.length, 0);
        assert.ok(scene.host.finished);
        assert.equal(scene.engine.active, 0);
      }
    });
  }
}

/** Bytes, and the request that they mean. */
const understood: readonly (readonly [string, string])[] = [
  [`${line}\r\n`, "GET http: a.example /  11 []"],
  ["GET / HTTP/1.0\r\n\r\n", "GET http:  /  10 []"],
  [`\r\n${line}\r\n`, "GET http: a.example /  11 []"],
  [`${line}X:\r\nY: \t a b \t\r\n\r\n`, "GET http: a.example /  11 [x=; y=a b]"],
  [`${line}__proto__: y\r\n\r\n`, "GET http: a.example /  11 [__proto__=y]"],
  [`${line}X: \xe9\x80\r\n\r\n`, "GET http: a.example /  11 [x=\xe9\x80]"],
  [
    `GET /a%2Fb/../%00;p?q={"x":1}|\\ HTTP/1.1\r\n${host}\r\n`,
    'GET http: a.example /a%2Fb/../%00;p?q={"x":1}|\\  11 []',
  ],
  [`OPTIONS * HTTP/1.1\r\n${host}\r\n`, "OPTIONS http: a.example *  11 []"],
  [`GET HTTPS://b.example:8443?q HTTP/1.1\r\n${host}\r\n`, "GET https: b.example:8443 /?q  11 []"],
  [`GET http://b.example HTTP/1.1\r\n${host}\r\n`, "GET http: b.example /  11 []"],
  [`OPTIONS http://b.example HTTP/1.1\r\n${host}\r\n`, "OPTIONS http: b.example *  11 []"],
  [`CONNECT b.example:443 HTTP/1.1\r\n${host}\r\n`, "CONNECT : b.example:443   11 []"],
  ["GET / HTTP/1.1\r\nHost: [fd00::1]:80\r\n\r\n", "GET http: [fd00::1]:80 /  11 []"],
  [
    `${post}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
    "POST http: a.example /  11 [content-length=0]",
  ],
  [
    `${line}Connection: close, X, content-length, host, te, expect\r\nX: y\r\nZ: z\r\nTE: trailers, deflate\r\n\r\n`,
    "GET http: a.example /  11 [z=z; te=trailers]",
  ],
  [
    `${line}Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: gzip\r\nUpgrade: websocket\r\n\r\n`,
    "GET http: a.example /  11 []",
  ],
  [
    `${line}Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n`,
    "GET http: a.example / websocket 11 []",
  ],
  [
    `${line}Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n`,
    "GET http: a.example /  11 []",
  ],
  [
    `${line}Connection: upgrade\r\nUpgrade: h2c, thing/1\r\n\r\n`,
    "GET http: a.example / thing/1 11 []",
  ],
  [
    `POST / HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n`,
    "POST http: a.example /  11 [content-length=0]",
  ],
  ["GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "GET http:  /  10 []"],
];

for (const [bytes, meaning] of understood) {
  test(`${JSON.stringify(bytes.slice(0, 60))} is read as what it says`, () => {
    for (const split of [inOnePiece, byteByByte]) {
      const { peer, app } = serve(undefined, split);
      peer.sends(bytes);
      assert.equal(formatRequest(app.last.head), meaning);
    }
  });
}

test("a head that repeats the one before gives equal headers in lists of their own", () => {
  const answer = "HTTP/1.1 204 No Content\r\n\r\n";
  const { peer, app } = serve(({ response }) => response.head({ status: 204, headers: [] }, true));
  for (const id of ["1", "1", "22", "1"]) {
    peer.sends(`${line}Accept: */*\r\nX-Request-Id: ${id}\r\nX-Last: z\r\n\r\n`);
    assert.equal(peer.hears(), answer);
    assert.deepEqual(app.last.head.headers.splice(0), [
      "accept",
      "*/*",
      "x-request-id",
      id,
      "x-last",
      "z",
    ]);
  }
});

test("a remembered head does not lend its framing to a different one", () => {
  const { peer, app } = serve(({ response }) => response.head({ status: 204, headers: [] }, true));
  peer.sends(`${post}Content-Length: 2\r\n\r\nhi`);
  peer.sends(`${post}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`);
  peer.sends(`${post}Content-Length: 3\r\n\r\nabc`);
  peer.sends(`${line}\r\n`);
  assert.deepEqual(
    app.accepted.map((accepted) => accepted.request.body),
    ["hi", "x", "abc", ""],
  );
});

test("a head without lines is not taken for the beginning of the one behind it", () => {
  const { app, peer } = serve(({ response }) => response.head({ status: 204, headers: [] }, true));
  peer.sends("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\nX: y\r\n\r\n");
  peer.sends("GET /2 HTTP/1.0\r\n\r\n01234567890123456789012345\r\n\r\n");
  assert.deepEqual(
    app.accepted.map(({ head }) => head.path),
    ["/1", "/2"],
  );
});
