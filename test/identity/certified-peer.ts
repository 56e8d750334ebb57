/** Peers with certificates of a test authority, and one TLS connection between two of them. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { authenticatePeer, type PeerVerdict } from "../../src/credentials/peer.ts";
import { meshTlsOptions } from "../../src/credentials/tls-settings.ts";
import type { Authority } from "../../src/identity/authority.ts";
import { createSerial, publicPointOf } from "../../src/protocol/x509/certificate-build.ts";

export interface PeerCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface PeerFields {
  readonly uri: string;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly dnsNames?: readonly string[];
}

export function certify(authority: Authority, fields: PeerFields): PeerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const leaf = authority.issueLeaf({
    publicPoint: publicPointOf(publicKey),
    serial: createSerial(randomBytes),
    notBefore: fields.notBefore ?? Date.now() - 120_000,
    notAfter: fields.notAfter ?? Date.now() + 3_600_000,
    uri: fields.uri,
    dnsNames: fields.dnsNames ?? [],
  });
  return {
    chainPem: leaf + authority.intermediates.join(""),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

/** The mesh's TLS with this certificate, trusting these roots. */
export function tlsOptionsOf(peer: PeerCertificate, rootPem: string): SecureContextOptions {
  return { ...meshTlsOptions, cert: peer.chainPem, key: peer.keyPem, ca: rootPem };
}

export interface Meeting {
  /** Whom the listening side saw; "refused" when its handshake failed. */
  readonly server: PeerVerdict | "refused";
  /** Whom the dialling side saw; "refused" when it got no connection, or lost it before any byte. */
  readonly client: PeerVerdict | "refused";
}

const trustDomain = "cluster.local";

/** One connection from handshake to the first byte of the server; both sides say whom they met. */
export async function meet(
  server: SecureContextOptions,
  client: SecureContextOptions,
): Promise<Meeting> {
  const seen = Promise.withResolvers<Meeting["server"]>();
  const listener = createServer(
    { ...server, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ["h2"] },
    (socket) => {
      socket.on("error", () => {});
      seen.resolve(authenticatePeer(socket, trustDomain));
      socket.end("x");
    },
  );
  listener.on("tlsClientError", () => seen.resolve("refused"));
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    ...client,
    port,
    host: "127.0.0.1",
    ALPNProtocols: ["h2"],
    checkServerIdentity: () => undefined,
  });
  const met = await finishClient(socket);
  const result = { server: await seen.promise, client: met };
  socket.destroy();
  listener.close();
  return result;
}

/** In TLS 1.3 a client hears of a refusal only after its own handshake is done. */
async function finishClient(socket: TLSSocket): Promise<Meeting["client"]> {
  const { promise, resolve } = Promise.withResolvers<Meeting["client"]>();
  let verdict: PeerVerdict | undefined;
  socket.on("secureConnect", () => {
    verdict = authenticatePeer(socket, trustDomain);
  });
  socket.on("data", () => resolve(verdict ?? "refused"));
  socket.on("error", () => resolve("refused"));
  socket.on("close", () => resolve("refused"));
  return await promise;
}
