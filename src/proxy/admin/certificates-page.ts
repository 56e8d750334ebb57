/** The certificate in use and the anchors, as the admin interface shows them; never the key. */
import type { Credentials } from "../../credentials/credentials.ts";

export interface CertificatesReport {
  /** Null before the first certificate. */
  readonly certificate: {
    readonly id: string;
    readonly serial: string;
    readonly notBefore: string;
    readonly notAfter: string;
    /** Leaf and intermediates. */
    readonly chain: string;
  } | null;
  readonly trustBundle: { readonly hash: string; readonly anchors: number; readonly pem: string };
  readonly renewals: number;
  readonly failures: number;
}

export function reportCertificates(credentials: Credentials): CertificatesReport {
  const { hash, count, pem } = credentials.trustBundle.current();
  const held = credentials.tls.current()?.certificate;
  return {
    certificate:
      held === undefined
        ? null
        : {
            id: held.id,
            serial: held.serial,
            notBefore: new Date(held.notBefore).toISOString(),
            notAfter: new Date(held.notAfter).toISOString(),
            chain: held.chainPem,
          },
    trustBundle: { hash, anchors: count, pem },
    ...credentials.counters(),
  };
}
