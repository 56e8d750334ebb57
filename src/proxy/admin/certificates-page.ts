/** The certificate in use and the anchors, as the admin interface shows them; never the key. */
import type { CertificatesPage } from "../../api/sidecar-pages.ts";
import type { Credentials } from "../../credentials/credentials.ts";

export function reportCertificates(credentials: Credentials): CertificatesPage {
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
