/** The service's own certificate: its SPIFFE ID and DNS names, issued by its own authority and renewed in place. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Millis } from "../core/duration.ts";
import type { Log } from "../core/log.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import type { Watch } from "../core/watch.ts";
import {
  createServerCredentials,
  type RenewableServerCredentials,
  type ServerIdentity,
} from "../credentials/grpc-js-server-credentials.ts";
import { createSerial, publicPointOf } from "../protocol/x509/certificate-build.ts";
import type { Authority } from "./authority.ts";
import { backdate } from "./issue.ts";

export interface ServingCertificateOptions {
  /** A new authority gives a new certificate at once. */
  readonly authority: Watch<Authority>;
  readonly id: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly lifetime: Millis;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ServingCertificate {
  readonly credentials: RenewableServerCredentials;
  /** Wall time at which the certificate now served ends. */
  notAfter(): number;
  close(): void;
}

/** However the clocks are set, a timer never spins; an authority that has ended cannot give anything better. */
const minRenewalGap = 1_000;
const endedRenewalGap = 60_000;

export function serveOwnCertificate(options: ServingCertificateOptions): ServingCertificate {
  const { clock, log } = options;
  let own = issueOwn(options);
  const credentials = createServerCredentials(own.identity, false);
  let stop = scheduleRenewal();
  const unsubscribe = options.authority.subscribe(() => {
    stop();
    renew();
  });

  function scheduleRenewal(): () => void {
    const left = own.notAfter - clock.wallTime();
    const gap = left > 0 ? Math.max(left / 2, minRenewalGap) : endedRenewalGap;
    return clock.after(gap as Millis, renew);
  }
  function renew(): void {
    own = issueOwn(options);
    credentials.renew(own.identity);
    log.debug({ notAfter: new Date(own.notAfter).toISOString() }, "own certificate renewed");
    stop = scheduleRenewal();
  }
  return {
    credentials,
    notAfter: () => own.notAfter,
    close() {
      unsubscribe();
      stop();
    },
  };
}

function issueOwn(options: ServingCertificateOptions): {
  readonly identity: ServerIdentity;
  readonly notAfter: number;
} {
  const { id, dnsNames, lifetime, clock } = options;
  const authority = options.authority.current();
  const now = clock.wallTime();
  const notAfter = Math.min(now + lifetime, authority.notAfter);
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const leaf = authority.issueLeaf({
    publicPoint: publicPointOf(publicKey),
    serial: createSerial(randomBytes),
    notBefore: Math.max(now - backdate, authority.notBefore),
    notAfter,
    uri: id,
    dnsNames,
  });
  const identity = {
    certificatePem: leaf + authority.intermediates.join(""),
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
    trustBundlePem: authority.rootPem,
  };
  return { identity, notAfter };
}
