/** `node-http.ts outbound|inbound …`: what a pair costs that is written in twenty lines over node:http. */

import { readFileSync } from "node:fs";
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import * as https from "node:https";
import { cipherSuite } from "../site/cipher-suite.ts";

const [side, listenPort, nextHost, nextPort, ca = "", cert = "", key = ""] = process.argv.slice(2);
const tls = {
  ciphers: cipherSuite,
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
};
const next = { host: nextHost, port: Number(nextPort) };
const outboundOptions = {
  agent: new https.Agent({
    ...tls,
    keepAlive: true,
    minVersion: "TLSv1.3",
    // The names in these certificates are SPIFFE IDs; the chain alone is checked, as in the other peers.
    checkServerIdentity: () => undefined,
  }),
};
const inboundOptions = { agent: new Agent({ keepAlive: true }) };

function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const what = { ...next, method: incoming.method, path: incoming.url, headers: incoming.headers };
  const upstream: ClientRequest =
    side === "outbound"
      ? https.request({ ...what, ...outboundOptions })
      : request({ ...what, ...inboundOptions });
  upstream.on("response", (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(outgoing);
  });
  upstream.on("error", () => outgoing.destroy());
  incoming.pipe(upstream);
}

if (side === "outbound") createServer(forward).listen(Number(listenPort), "127.0.0.1");
else {
  const options = {
    ...tls,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
  } as const;
  https.createServer(options, forward).listen(Number(listenPort), "0.0.0.0");
}
