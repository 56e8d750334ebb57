/** TLS 1.3 for grpc-js servers whose certificate is renewed while connections stay. Not for the sidecar's bundle. */
import { ServerCredentials } from "@grpc/grpc-js";
import { meshTlsOptions } from "./tls-settings.ts";

export interface ServerIdentity {
  /** Leaf and intermediates. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** Roots that client certificates must lead to; used only with `requireClientCertificate`. */
  readonly trustBundlePem: string;
}

/** Handshakes from now on use the new identity; running connections are not touched. */
export interface RenewableServerCredentials extends ServerCredentials {
  renew(identity: ServerIdentity): void;
}

/** A peer that has not finished its handshake by then holds a socket for nothing. */
const handshakeTimeoutMillis = 10_000;

export function createServerCredentials(
  identity: ServerIdentity,
  requireClientCertificate: boolean,
): RenewableServerCredentials {
  return new RenewableCredentials(identity, requireClientCertificate);
}

/**
 * grpc-js renews a server's context through its credentials object only, and its own kinds neither set the TLS
 * version nor keep it across a renewal: `setSecureContext` starts from defaults each time.
 */
class RenewableCredentials extends ServerCredentials implements RenewableServerCredentials {
  constructor(identity: ServerIdentity, requireClientCertificate: boolean) {
    super(
      {
        requestCert: requireClientCertificate,
        rejectUnauthorized: requireClientCertificate,
        handshakeTimeout: handshakeTimeoutMillis,
      },
      contextOptions(identity),
    );
  }

  renew(identity: ServerIdentity): void {
    this.updateSecureContextOptions(contextOptions(identity));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOptions(identity: ServerIdentity) {
  return {
    ...meshTlsOptions,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
    ca: identity.trustBundlePem,
  };
}
