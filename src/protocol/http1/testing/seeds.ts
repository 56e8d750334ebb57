/** Requests and responses of every framing, for fuzzing and for comparing readings. */

const host = "Host: a.example\r\n";

export const requestSeeds: readonly Buffer[] = [
  `GET / HTTP/1.1\r\n${host}\r\n`,
  `GET /a?b=c HTTP/1.1\r\n${host}Accept: */*\r\nX-Thing: y\r\nConnection: keep-alive, X-Thing\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`,
  `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\n${host}\r\n`,
  `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5;a="b\\"c"\r\nhello\r\n0\r\nT: v\r\n\r\nGET /2 HTTP/1.1\r\n${host}\r\n`,
  `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
  "POST / HTTP/1.0\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhiGET / HTTP/1.0\r\n\r\n",
  `OPTIONS * HTTP/1.1\r\n${host}TE: trailers\r\n\r\n\r\nGET http://b.example:80/x HTTP/1.1\r\n${host}\r\n`,
  `PUT / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nxHEAD / HTTP/1.1\r\n${host}\r\n`,
].map((text) => Buffer.from(text, "latin1"));

export const responseSeeds: readonly Buffer[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: v\r\n\r\n",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
  "HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\nuntil close",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes",
].map((text) => Buffer.from(text, "latin1"));
