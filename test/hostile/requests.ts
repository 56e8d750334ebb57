/** Makes streams of HTTP/1 requests on which parsers are known to disagree: the same seed gives the same streams. */

type Random = (below: number) => number;

/** Mulberry32: small, and good enough to spread choices. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const targets = ["/", "/a", "/a?b=c", "//x", "/../y", "/%2e", "/a;p", "*", "http://b.test/abs"];
const oddTargets = [
  "http://u@b.test/",
  "/a b",
  "/a#f",
  "/\x00",
  "/\xff",
  "http://b.test,c.test/",
  "/\t",
];
const methods = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "X-Y"];
const versions = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/2.0",
  "http/1.1",
  "HTTP/1",
];
/** `N` stands for the length of the body. */
const lengths = [
  "N",
  "N",
  "N",
  "+N",
  "-0",
  "0N",
  "0x5",
  "N, N",
  "N,N",
  " N",
  "N ",
  "",
  "1_0",
  "N\t",
  "99999999999999999999",
  "0",
];
const codings = [
  "chunked",
  "chunked",
  "chunked",
  "Chunked",
  "xchunked",
  "chunked, identity",
  "identity",
  ",chunked",
  "chunked,",
  "\tchunked",
  "\x0bchunked",
  "chunked\x00",
  "gzip, chunked",
  "chunked;q=1",
  '"chunked"',
  "identity, chunked",
];
const codingNames = [
  "Transfer-Encoding",
  "Transfer-Encoding",
  "transfer-encoding",
  "Transfer-Encoding ",
  " Transfer-Encoding",
  "Transfer_Encoding",
  "Transfer-Encoding\t",
  "X: y\nTransfer-Encoding",
  "X: y\rTransfer-Encoding",
];
const lengthNames = [
  "Content-Length",
  "Content-Length",
  "content-length",
  "Content-Length ",
  "Content_Length",
  "X: y\nContent-Length",
];
const extras = [
  "Host: c.test",
  "Host:",
  "Host: a.test, b.test",
  "Connection: content-length",
  "Connection: close",
  "Connection: host, te, x-a",
  "Connection: keep-alive, transfer-encoding",
  "X-A: b",
  ": empty",
  "no colon here",
  " folded",
  "X-A: b\r\n folded",
  "X\x00: y",
  "X: \x00",
  "X: \x80",
  "__proto__: x",
  "Expect: 100-continue",
  "TE: trailers",
  "X-A : b",
  "X: a\rb",
  "X: a\nb",
  "Keep-Alive: timeout=1",
  "Remora-Dst: 15008",
  "Expect: x",
];
const sizes = [
  "S",
  "S",
  "S",
  "0S",
  "0xS",
  "+S",
  "S ",
  " S",
  "S;a=b",
  'S;a="b"',
  'S;a="b',
  "S\r",
  "S;\n",
  "S_",
  "fffffffffffffffS",
];
const ends = ["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "", "XX", "\r\n\r\n"];
const lasts = [
  "0\r\n\r\n",
  "0\r\n\r\n",
  "0\r\n\r\n",
  "0\r\nX-T: v\r\n\r\n",
  "0\r\nContent-Length: 5\r\n\r\n",
  "0\n\n",
  "0\r\n",
  "00\r\n\r\n",
  "0;x\r\n\r\n",
  "0\r\nX-T: v\n\n",
];
const bodies = [
  "",
  "hello",
  "GET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n",
  "0\r\n\r\n",
  "x".repeat(40),
];
const junk = ["\r\n", "\n", "\0", " ", "\t", "\r", ":", "0", "\x0b", "\xa0", ";", ","];

/** One connection's worth of requests, most of them with something odd in them. */
export function makeStream(random: Random): string {
  const pick = (from: readonly string[]): string => from[random(from.length)] ?? "";
  const often = (per: number): boolean => random(100) < per;
  let text = "";
  for (let count = 1 + random(4); count > 0; count -= 1) text += makeRequest(pick, often);
  for (let changes = often(35) ? 1 + random(3) : 0; changes > 0; changes -= 1) {
    const at = 12 + random(Math.max(1, text.length - 12));
    text = text.slice(0, at) + pick(junk) + text.slice(at + random(3));
  }
  return text;
}

type Pick = (from: readonly string[]) => string;

function makeRequest(pick: Pick, often: (per: number) => boolean): string {
  const line = `${pick(methods)} ${pick(often(94) ? targets : oddTargets)} ${often(94) ? "HTTP/1.1" : pick(versions)}`;
  const lines = [line, often(97) ? "Host: a.test" : pick(extras)];
  const body = pick(bodies);
  let content = "";
  if (often(45)) {
    const tame = often(75);
    lines.push(
      `${tame ? "Content-Length" : pick(lengthNames)}: ${(tame ? "N" : pick(lengths)).replaceAll("N", String(body.length))}`,
    );
    content = body;
  }
  if (often(30)) {
    const tame = often(70);
    lines.push(
      `${tame ? "Transfer-Encoding" : pick(codingNames)}: ${tame ? "chunked" : pick(codings)}`,
    );
    if (content === "" || often(50)) content = chunk(body, pick, often(70));
  }
  if (often(12)) lines.push(pick(extras));
  return `${lines.join(often(98) ? "\r\n" : "\n")}\r\n\r\n${content}`;
}

function chunk(body: string, pick: Pick, tame: boolean): string {
  if (body === "") return tame ? "0\r\n\r\n" : pick(lasts);
  const size = body.length.toString(16);
  if (tame) return `${size}\r\n${body}\r\n0\r\n\r\n`;
  return `${pick(sizes).replaceAll("S", size)}\r\n${body}${pick(ends)}${pick(lasts)}`;
}
