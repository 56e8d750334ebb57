/** Where messages end: RFC 9112 6 to 8, RFC 9110 8.6. */
import { answer, bad, badGateway, get, post, type Rule } from "../rule.ts";

const refused = { app: "nothing", client: bad } as const;
const whole = /^(?:HTTP\/1\.1 200 [^]*)$/;

export const framingRules: readonly Rule[] = [
  {
    section: "9112 6.1",
    rule: "chunked is understood in a request",
    script: { client: [post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")] },
    app: /\r\n\r\n(?:5\r\nhello\r\n0\r\n\r\n|hello)$/,
    client: whole,
  },
  {
    section: "9112 6.1",
    rule: "chunked is understood in a response",
    script: {
      client: [get()],
      app: [answer("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")],
    },
    client: /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/,
  },
  {
    section: "9112 6.1",
    rule: "chunked is never applied twice",
    script: { client: [post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")] },
    app: "nothing",
    client: /^HTTP\/1\.1 (?:400|501) /,
  },
  {
    section: "9112 6.1",
    rule: "no response to an HTTP/1.0 request carries Transfer-Encoding",
    script: {
      client: [get("", "/", "1.0")],
      app: [answer("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")],
    },
    client: /\r\n\r\nhello$/,
    notClient: /transfer-encoding/i,
  },
  {
    section: "9112 6.1",
    rule: "Transfer-Encoding in an HTTP/1.0 request is faulty, and the connection ends",
    script: {
      client: [
        "POST / HTTP/1.0\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        get(),
      ],
      clientStays: true,
    },
    ...refused,
    notClient: /HTTP\/1\.1 .*[^]*HTTP\/1\.1 /,
  },
  {
    section: "9112 6.1",
    rule: "Transfer-Encoding in an HTTP/1.0 response is faulty",
    script: {
      client: [get()],
      app: ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    },
    client: badGateway,
  },
  {
    section: "9112 6.1",
    rule: "204 never carries Transfer-Encoding",
    script: {
      client: [get()],
      app: [answer("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "204 No Content")],
    },
    notClient: /transfer-encoding/i,
  },
  {
    section: "9112 6.2",
    rule: "no message leaves with both Content-Length and Transfer-Encoding",
    script: {
      client: [post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")],
    },
    ...refused,
  },
  {
    section: "9112 6.3 (3)",
    rule: "a response with both is not forwarded with both",
    script: {
      client: [get()],
      app: [answer("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")],
    },
    client: badGateway,
  },
  {
    section: "9112 6.3 (1)",
    rule: "a response to HEAD ends with its head, whatever Content-Length says",
    script: {
      client: ["HEAD / HTTP/1.1\r\nHost: app.test\r\n\r\n", get()],
      inTurns: true,
      app: [answer("content-length: 50\r\n"), answer("content-length: 2\r\n", "ok")],
    },
    client: /^HTTP\/1\.1 200 OK\r\ncontent-length: 50\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/i,
  },
  ...["204 No Content", "304 Not Modified"].map(
    (status): Rule => ({
      section: "9112 6.3 (1)",
      rule: `a response ${status} ends with its head`,
      script: {
        client: [get(), get()],
        inTurns: true,
        app: [answer("", "", status), answer("content-length: 2\r\n", "ok")],
      },
      client: new RegExp(`^HTTP/1\\.1 ${status}\\r\\n\\r\\nHTTP/1\\.1 200 [^]*ok$`),
    }),
  ),
  {
    section: "9112 6.3 (4)",
    rule: "a request whose last coding is not chunked is answered with 400, and the connection ends",
    script: {
      client: [post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), get()],
      clientStays: true,
    },
    ...refused,
    notClient: /HTTP\/1\.1 .*[^]*HTTP\/1\.1 /,
  },
  {
    section: "9112 6.3 (5)",
    rule: "a request with an invalid Content-Length is answered with 400, and the connection ends",
    script: { client: [post("Content-Length: 0x5\r\n", "hello"), get()], clientStays: true },
    ...refused,
    notClient: /HTTP\/1\.1 .*[^]*HTTP\/1\.1 /,
  },
  {
    section: "9112 6.3 (5)",
    rule: "a request with two different Content-Lengths is answered with 400",
    script: { client: [post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")] },
    ...refused,
  },
  {
    section: "9112 6.3 (5)",
    rule: "a response with an invalid Content-Length is answered with 502 and its connection closed",
    script: { client: [get()], app: [answer("Content-Length: -1\r\n", "hello")] },
    client: badGateway,
    notClient: /hello/,
  },
  {
    section: "9110 8.6",
    rule: "equal repeated Content-Lengths leave as one",
    script: { client: [post("Content-Length: 2\r\nContent-Length: 2\r\n", "hi")] },
    app: /content-length: 2\r\n(?![^]*content-length)[^]*\r\n\r\nhi$/i,
  },
  {
    section: "9110 8.6",
    rule: "a list as Content-Length is not forwarded",
    script: { client: [post("Content-Length: 2, 2\r\n", "hi")] },
    ...refused,
  },
  {
    section: "9112 6.3 (6)",
    rule: "a request that ends before its Content-Length is never handed over as whole",
    script: { client: [post("Content-Length: 10\r\n", "hello")] },
    notClient: /HTTP\/1\.1 2/,
    notApp: /GET/,
  },
  {
    section: "9112 8",
    rule: "a response that ends before its Content-Length does not end in order at the client",
    script: { client: [get()], app: [answer("Content-Length: 10\r\n", "hello")], appCloses: 0 },
    client: /^HTTP\/1\.1 (?:502 |200 OK\r\ncontent-length: 10\r\n[^]*\r\n\r\nhello$)/i,
  },
  {
    section: "9112 8",
    rule: "a chunked response without its last chunk does not get one from the proxy",
    script: {
      client: [get()],
      app: [answer("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")],
      appCloses: 0,
    },
    notClient: /\r\n0\r\n/,
  },
  {
    section: "9112 6.3 (8)",
    rule: "a response without a length lasts until the server closes",
    script: { client: [get()], app: [answer("", "hello")], appCloses: 0 },
    client: /^HTTP\/1\.1 200 OK\r\n[^]*5\r\nhello\r\n0\r\n\r\n$/,
  },
  {
    section: "9112 7.1",
    rule: "a chunk size too large for the reader is refused and does not wrap around",
    script: {
      client: [post("Transfer-Encoding: chunked\r\n", "10000000000000001\r\na\r\n0\r\n\r\n")],
    },
    client: bad,
    notApp: /\r\na\r\n/,
  },
  {
    section: "9112 7.1.1",
    rule: "chunk extensions that are not known are ignored",
    script: { client: [post("Transfer-Encoding: chunked\r\n", '2;a=b;c="d"\r\nhi\r\n0\r\n\r\n')] },
    app: /hi/,
    notApp: /;a=b/,
    client: whole,
  },
  {
    section: "9112 2.2",
    rule: "bytes behind the last request are no new response or request of their own making",
    script: { client: [get(), "\r\n\r\n"] },
    client: /^HTTP\/1\.1 200 OK\r\n[^]*ok(?:HTTP\/1\.1 400 [^]*)?$/,
  },
];
