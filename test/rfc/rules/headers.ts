/** Header lines: RFC 9112 5, RFC 9110 5 to 7.6. */
import { answer, bad, badGateway, get, type Rule } from "../rule.ts";

const refused = { app: "nothing", client: bad } as const;

export const headerRules: readonly Rule[] = [
  {
    section: "9112 5.1",
    rule: "a request with white space between a name and its colon is answered with 400",
    script: { client: [get("x-odd : 1\r\n")] },
    ...refused,
  },
  {
    section: "9112 5.1",
    rule: "white space between a name and its colon never leaves in a response",
    script: { client: [get()], app: [answer("x-odd : 1\r\ncontent-length: 0\r\n")] },
    client: badGateway,
    notClient: /x-odd :/,
  },
  {
    section: "9112 5.2",
    rule: "a folded line in a request is answered with 400",
    script: { client: [get("x-odd: 1\r\n 2\r\n")] },
    ...refused,
  },
  {
    section: "9112 5.2",
    rule: "a folded line in a response is answered with 502",
    script: { client: [get()], app: [answer("x-odd: 1\r\n 2\r\ncontent-length: 0\r\n")] },
    client: badGateway,
  },
  ...["\0", "\r", "\n"].map(
    (character): Rule => ({
      section: "9110 5.5",
      rule: `${JSON.stringify(character)} in a header value of a request is refused`,
      script: { client: [get(`x-odd: a${character}b\r\n`)] },
      ...refused,
    }),
  ),
  ...["\0", "\r"].map(
    (character): Rule => ({
      section: "9110 5.5",
      rule: `${JSON.stringify(character)} in a header value of a response does not reach the client`,
      script: {
        client: [get()],
        app: [answer(`x-odd: a${character}b\r\ncontent-length: 0\r\n`)],
      },
      client: badGateway,
    }),
  ),
  {
    section: "9110 5.1",
    rule: "header lines that the proxy does not know are forwarded, both ways",
    script: {
      client: [get("X-Never-Heard-Of: 1\r\n")],
      app: [answer("X-Nobody-Knows: 2\r\ncontent-length: 0\r\n")],
    },
    app: /x-never-heard-of: 1\r\n/i,
    client: /x-nobody-knows: 2\r\n/i,
  },
  {
    section: "9110 5.3",
    rule: "lines of the same name keep their order",
    script: {
      client: [get("x-list: 1\r\nx-other: o\r\nx-list: 2\r\nx-list: 3\r\n")],
      app: [answer("set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n")],
    },
    app: /x-list: 1\r\n(?:.*\r\n)*x-list: 2\r\nx-list: 3\r\n/i,
    client: /set-cookie: a=1\r\nset-cookie: b=2\r\n/i,
  },
  {
    section: "9110 7.6.1",
    rule: "what Connection names is removed from a request, and Connection with it",
    script: { client: [get("Connection: x-hop, keep-alive\r\nx-hop: 1\r\nx-end: 2\r\n")] },
    app: /x-end: 2\r\n/i,
    notApp: /x-hop|connection:.*x-hop/i,
  },
  {
    section: "9110 7.6.1",
    rule: "what Connection names is removed from a response, and Connection with it",
    script: {
      client: [get()],
      app: [answer("Connection: x-hop\r\nx-hop: 1\r\nx-end: 2\r\ncontent-length: 0\r\n")],
    },
    client: /x-end: 2\r\n/i,
    notClient: /x-hop/i,
  },
  ...["Proxy-Connection: keep-alive", "Keep-Alive: timeout=5", "TE: gzip"].map(
    (line): Rule => ({
      section: "9110 7.6.1",
      rule: `"${line}" concerns one connection and is not forwarded`,
      script: { client: [get(`${line}\r\nx-end: 2\r\n`)] },
      app: /x-end: 2\r\n/i,
      notApp: /proxy-connection|keep-alive|\bte:/i,
    }),
  ),
  {
    section: "9110 10.1.4",
    rule: "TE is sent with a Connection option of its name",
    script: { client: [get("Connection: TE\r\nTE: trailers\r\n")] },
    app: /^(?=[^]*\r\nte: trailers\r\n)(?=[^]*\r\nconnection: te\r\n)/i,
  },
  {
    section: "9110 7.6.1",
    rule: "an option of Connection never removes what frames or routes the message",
    script: {
      client: [
        "POST / HTTP/1.1\r\nHost: app.test\r\nConnection: content-length, host\r\ncontent-length: 2\r\n\r\nhi",
      ],
    },
    app: /^(?=[^]*host: app\.test\r\n)(?=[^]*content-length: 2\r\n)[^]*\r\n\r\nhi$/i,
  },
  {
    section: "9110 11.6.2",
    rule: "Authorization is forwarded unchanged",
    script: { client: [get('Authorization: Digest a="x, y",  b=z\r\n')] },
    app: /authorization: Digest a="x, y", {2}b=z\r\n/i,
  },
  {
    section: "9110 11.6.1",
    rule: "WWW-Authenticate is forwarded unchanged",
    script: {
      client: [get()],
      app: [answer('WWW-Authenticate: Basic realm="a,  b"\r\ncontent-length: 0\r\n', "", "401 No")],
    },
    client: /www-authenticate: Basic realm="a, {2}b"\r\n/i,
  },
  {
    section: "9110 6.5.1",
    rule: "trailers do not join the headers of a request",
    script: {
      client: [
        "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-late: 1\r\n\r\n",
      ],
    },
    app: /\r\n\r\n[^]*0\r\nx-late: 1\r\n\r\n$/i,
    notApp: /^(?:(?!\r\n\r\n)[^])*x-late/i,
  },
  {
    section: "9110 6.5.1",
    rule: "a trailer that would frame or route a message is not handed on",
    script: {
      client: [
        "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nhost: other.test\r\n\r\n",
      ],
    },
    notApp: /other\.test/,
  },
  {
    section: "9110 7.6.3",
    rule: "a proxy adds itself to Via",
    script: { client: [get()] },
    notApp: /\bvia:/i,
    deviation:
      "the sidecar is part of both ends, chosen by neither; applications see the same messages with and without it",
  },
  {
    section: "9110 7.6.2",
    rule: "Max-Forwards of OPTIONS and TRACE is counted down, and answered at 0",
    script: { client: ["OPTIONS / HTTP/1.1\r\nHost: app.test\r\nMax-Forwards: 0\r\n\r\n"] },
    app: /max-forwards: 0\r\n/i,
    deviation: "for the same reason the sidecar is no station on the way that could be asked for",
  },
  {
    section: "9110 6.6.1",
    rule: "a response without Date gets one",
    script: { client: [get()], app: [answer("content-length: 0\r\n")] },
    notClient: /\bdate:/i,
    deviation: "the response is handed over in the pod, at the moment it was made",
  },
];
