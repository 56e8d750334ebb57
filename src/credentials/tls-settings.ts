/** The TLS of the mesh: one profile for sidecars and control plane, client and server. */
import { constants } from "node:crypto";
import type { SecureContextOptions } from "node:tls";

/**
 * TLS 1.3 with the two AES-GCM suites that every ambient proxy has. X25519 alone would do for us (and without the
 * post-quantum default group a connection is 8 KB lighter); some ztunnel builds have the NIST curves only.
 *
 * No resumption: a resumed session would skip the check of the peer's certificate, which may have expired, or have
 * lost its root, since. With SSL_OP_NO_TICKET a TLS 1.3 server hands out session ids instead of tickets, and Node
 * keeps no session cache behind them, so every handshake is a full one. A full P-256 handshake costs about 0.5 ms.
 */
export const meshTlsOptions: SecureContextOptions = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
  ecdhCurve: "X25519:P-256:P-384",
  secureOptions: constants.SSL_OP_NO_TICKET,
};
