/** Connections, switching protocols, interim responses, retries: RFC 9112 9, RFC 9110 7.8, 9.2, 10.1.1 and 15. */
import { answer, get, post, type Rule } from "../rule.ts";

const two = /^HTTP\/1\.1 200 [^]*okHTTP\/1\.1 200 [^]*ok$/;
const websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const switching =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

export const connectionRules: readonly Rule[] = [
  {
    section: "9112 9.3",
    rule: "an HTTP/1.1 connection goes on after a response",
    script: { client: [get(), get()], inTurns: true },
    client: two,
  },
  {
    section: "9112 9.3",
    rule: "an HTTP/1.0 connection ends after its response, unless it asked to go on",
    script: { client: [get("", "/", "1.0")], clientStays: true },
    client: /^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*ok$/i,
  },
  {
    section: "9112 9.3.2",
    rule: "responses to pipelined requests come in the order of the requests",
    script: {
      client: [get("", "/1") + get("", "/2") + get("", "/3")],
      app: ["1", "2", "3"].map((n) => answer("content-length: 1\r\n", n)),
    },
    app: /^GET \/1 [^]*GET \/2 [^]*GET \/3 /,
    client: /\r\n\r\n1HTTP[^]*\r\n\r\n2HTTP[^]*\r\n\r\n3$/,
  },
  {
    section: "9112 9.6",
    rule: "after a request with close the connection ends, and nothing behind it is read",
    script: { client: [get("Connection: close\r\n") + get("", "/second")], clientStays: true },
    client: /^HTTP\/1\.1 200 [^]*ok$/,
    notApp: /second/,
  },
  {
    section: "9112 9.6",
    rule: "the last response of a connection says close",
    script: { client: [get("Connection: close\r\n")], clientStays: true },
    client: /^HTTP\/1\.1 200 [^]*connection: close\r\n/i,
  },
  {
    section: "9112 9.6",
    rule: "no request is sent on a connection whose last response said close",
    script: {
      client: [get(), get()],
      inTurns: true,
      app: [answer("connection: close\r\ncontent-length: 2\r\n", "ok")],
    },
    client: two,
    appConnections: 2,
  },
  {
    section: "9112 9.2",
    rule: "what a server sends without having been asked is no response to anything",
    script: {
      client: [get(), get()],
      inTurns: true,
      app: [
        answer("content-length: 2\r\n", `ok${answer("content-length: 4\r\n", "evil")}`),
        answer("content-length: 2\r\n", "ok"),
      ],
    },
    client: two,
    notClient: /evil/,
  },
  {
    section: "9110 9.2.2",
    rule: "a POST whose connection broke is not sent again by itself",
    script: { client: [post("content-length: 2\r\n", "hi")], app: [""], appCloses: 0 },
    client: /^HTTP\/1\.1 50[0-9] /,
    appConnections: 1,
  },
  {
    section: "9110 7.8",
    rule: "Upgrade is forwarded with its Connection option, and 101 switches to bytes",
    script: { client: [get(websocket)], app: [`${switching}bytes`], appCloses: 0 },
    app: /^(?=[^]*\r\nconnection: upgrade\r\n)(?=[^]*\r\nupgrade: websocket\r\n)/i,
    client: /^HTTP\/1\.1 101 [^]*\r\n\r\nbytes$/,
  },
  {
    section: "9110 7.8",
    rule: "a server cannot switch to what the client did not offer",
    script: { client: [get()], app: [`${switching}bytes`], appCloses: 0 },
    client: /^HTTP\/1\.1 50[0-9] /,
    notClient: /bytes/,
  },
  {
    section: "9110 7.8",
    rule: "Upgrade in an HTTP/1.0 request is ignored",
    script: { client: [get(websocket, "/", "1.0")] },
    notApp: /upgrade/i,
    client: /^HTTP\/1\.1 200 /,
  },
  {
    section: "9110 7.8",
    rule: "Upgrade without its Connection option is not forwarded",
    script: { client: [get("Upgrade: websocket\r\n")] },
    notApp: /upgrade/i,
  },
  {
    section: "9110 15.2",
    rule: "interim responses are forwarded",
    script: {
      client: [get()],
      app: [
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      ],
    },
    client: /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 [^]*ok$/i,
  },
  {
    section: "9110 15.2",
    rule: "a client of HTTP/1.0 gets no interim response",
    script: {
      client: [get("", "/", "1.0")],
      app: [
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      ],
    },
    client: /^HTTP\/1\.1 200 /,
    notClient: / 103 /,
  },
  {
    section: "9110 10.1.1",
    rule: "a request that expects 100 is forwarded before its content is there",
    script: {
      client: [post("Expect: 100-continue\r\ncontent-length: 2\r\n", ""), "hi"],
      inTurns: true,
      app: ["HTTP/1.1 100 Continue\r\n\r\n"],
      appThen: { text: "hi", answer: answer("content-length: 2\r\n", "ok") },
    },
    app: /expect: 100-continue\r\n[^]*\r\n\r\nhi$/i,
    client: /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*ok$/,
  },
  {
    section: "9110 10.1.1",
    rule: "100-continue in an HTTP/1.0 request is ignored",
    script: {
      client: [
        "POST / HTTP/1.0\r\nHost: app.test\r\nExpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi",
      ],
    },
    client: /^HTTP\/1\.1 200 /,
    notClient: / 100 /,
  },
  {
    section: "9110 15",
    rule: "a status that is not known is forwarded as it is",
    script: { client: [get()], app: [answer("content-length: 2\r\n", "ok", "299 Odd")] },
    client: /^HTTP\/1\.1 299 /,
  },
  {
    section: "9112 4",
    rule: "a status of fewer than three digits is not forwarded",
    script: { client: [get()], app: [answer("content-length: 2\r\n", "ok", "20 OK")] },
    client: /^HTTP\/1\.1 502 /,
  },
];
