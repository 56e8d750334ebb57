/** `node-http2.ts outbound|inbound …`: the same in twenty lines over node:http2. */
import { readFileSync } from "node:fs";
import * as http2 from "node:http2";
import { cipherSuite } from "../site/cipher-suite.ts";

const [side, listenPort, nextHost, nextPort, ca = "", cert = "", key = ""] = process.argv.slice(2);
const tls = {
  ciphers: cipherSuite,
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
};
const next =
  side === "outbound" ? `https://${nextHost}:${nextPort}` : `http://${nextHost}:${nextPort}`;
const nextOptions = {
  ...tls,
  minVersion: "TLSv1.3",
  checkServerIdentity: () => undefined,
} as const;
let session: http2.ClientHttp2Session | undefined;

// The names in these certificates are SPIFFE IDs; the chain alone is checked, as in the other peers.
function upstreamSession(): http2.ClientHttp2Session {
  if (session === undefined || session.destroyed) {
    session = http2.connect(next, nextOptions);
    session.on("error", () => {});
  }
  return session;
}

function forward(incoming: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  const upstream = upstreamSession().request(headers, { endStream: headers[":method"] === "GET" });
  upstream.on("response", (response) => {
    incoming.respond(response, { waitForTrailers: true });
    upstream.pipe(incoming);
  });
  let trailers: http2.IncomingHttpHeaders = {};
  upstream.on("trailers", (received) => {
    trailers = received;
  });
  incoming.on("wantTrailers", () => incoming.sendTrailers(trailers));
  upstream.on("error", () => incoming.close(http2.constants.NGHTTP2_CANCEL));
  incoming.on("error", () => upstream.close(http2.constants.NGHTTP2_CANCEL));
  if (headers[":method"] !== "GET") incoming.pipe(upstream);
}

if (side === "outbound") {
  http2.createServer().on("stream", forward).listen(Number(listenPort), "127.0.0.1");
} else {
  const options = {
    ...tls,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
  } as const;
  http2.createSecureServer(options).on("stream", forward).listen(Number(listenPort), "0.0.0.0");
}
