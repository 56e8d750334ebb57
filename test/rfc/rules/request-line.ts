/** The first line of a request, its target and its Host: RFC 9112 2 and 3, RFC 9110 4, 7.2 and 9. */
import { bad, get, type Rule } from "../rule.ts";

const refused = { app: "nothing", client: bad } as const;
const raw = (text: string) => ({ client: [text] });

export const requestLineRules: readonly Rule[] = [
  {
    section: "9112 2.2",
    rule: "a CR that no LF follows makes the request line invalid",
    script: raw("GET / HTTP/1.1\rHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 2.2",
    rule: "white space between the request line and the first header line is refused",
    script: raw("GET / HTTP/1.1\r\n Host: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 2.2",
    rule: "an empty line before a request is not handed on",
    script: raw(`\r\n${get()}`),
    app: /^GET \/ HTTP\/1\.1\r\n/,
    client: /^HTTP\/1\.1 200 /,
  },
  {
    section: "9112 2.3",
    rule: "the name of the version is case-sensitive",
    script: raw("GET / http/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 6.2",
    rule: "a forwarded request carries the proxy's own version, not the client's",
    script: raw(get("", "/", "1.0")),
    app: /^GET \/ HTTP\/1\.1\r\n/,
  },
  {
    section: "9110 6.2",
    rule: "a forwarded response carries the proxy's own version, not the server's",
    script: { client: [get()], app: ["HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"] },
    client: /^HTTP\/1\.1 200 /,
  },
  {
    section: "9112 3",
    rule: "a request line with white space in its target is not mended and forwarded",
    script: raw("GET /a b HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 3",
    rule: "a request line with two spaces is not mended and forwarded",
    script: raw("GET  / HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 9.1",
    rule: "the method is case-sensitive and reaches the application as it was",
    script: raw("get / HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    app: /^get \/ HTTP\/1\.1\r\n/,
  },
  {
    section: "9112 3.2",
    rule: "an HTTP/1.1 request without Host is answered with 400",
    script: raw("GET / HTTP/1.1\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 3.2",
    rule: "a request with two Host lines is answered with 400",
    script: raw("GET / HTTP/1.1\r\nHost: app.test\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 3.2",
    rule: "a request whose Host is no host is answered with 400",
    script: raw("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 3.2",
    rule: "a forwarded request has exactly one Host line",
    script: raw(get()),
    app: /^GET \/ HTTP\/1\.1\r\n(?!(?:.*\r\n)*host: .*\r\n(?:.*\r\n)*host: )(?:.*\r\n)*host: app\.test\r\n/i,
  },
  {
    section: "9112 3.2.1",
    rule: "a target without a path is forwarded with the path /",
    script: raw("GET http://app.test HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    app: /^GET \/ HTTP\/1\.1\r\n/,
  },
  {
    section: "9112 3.2.1",
    rule: "a target with a query and no path is forwarded with the path /",
    script: raw("GET http://app.test?x=1 HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    app: /^GET \/\?x=1 HTTP\/1\.1\r\n/,
  },
  {
    section: "9112 3.2.2",
    rule: "a target in absolute form is accepted",
    script: raw("GET http://app.test/x HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    app: /^GET \/x HTTP\/1\.1\r\n/,
    client: /^HTTP\/1\.1 200 /,
  },
  {
    section: "9112 3.2.2",
    rule: "the host of an absolute target replaces the Host that came with it",
    script: raw("GET http://app.test/x HTTP/1.1\r\nHost: other.test\r\n\r\n"),
    app: /host: app\.test\r\n/i,
    notApp: /other\.test/,
  },
  {
    section: "9112 3.2.3",
    rule: "a target in authority form is for CONNECT only",
    script: raw("GET app.test:80 HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 9.3.6",
    rule: "CONNECT without a port is answered with 400",
    script: raw("CONNECT app.test HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 9.3.6",
    rule: "CONNECT with a port that is no number is answered with 400",
    script: raw("CONNECT app.test:http HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9112 3.2.4",
    rule: "OPTIONS for a whole server, given in absolute form, is forwarded as *",
    script: raw("OPTIONS http://app.test HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    app: /^OPTIONS \* HTTP\/1\.1\r\n/,
  },
  {
    section: "9112 3.2.4",
    rule: "an asterisk is a target of OPTIONS only",
    script: raw("GET * HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 4.2.1",
    rule: "a target with an empty host is refused",
    script: raw("GET http:///x HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 4.2.4",
    rule: "user information in a target is not forwarded",
    script: raw("GET http://user@app.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    ...refused,
  },
  {
    section: "9110 7.7",
    rule: "path and query reach the application unchanged",
    script: raw(get("", "/a%2Fb/%7euser/?q=%20+x&y=/../z")),
    app: /^GET \/a%2Fb\/%7euser\/\?q=%20\+x&y=\/\.\.\/z HTTP\/1\.1\r\n/,
  },
  {
    section: "9110 9.3.8",
    rule: "TRACE with content is not forwarded",
    script: raw("TRACE / HTTP/1.1\r\nHost: app.test\r\ncontent-length: 1\r\n\r\nx"),
    ...refused,
  },
];
