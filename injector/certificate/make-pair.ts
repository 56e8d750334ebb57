/** A certificate for the webhook, under an authority that signs nothing else: its key is forgotten at once. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Millis } from "../../src/core/duration.ts";
import {
  buildAuthority,
  buildLeaf,
  createSerial,
  publicPointOf,
  selfIssuer,
} from "../../src/protocol/x509/certificate-build.ts";
import { encodePem } from "../../src/protocol/x509/pem.ts";

/** What a replica serves, and what API servers must trust for it. */
export interface ServingPair {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

export interface PairRequest {
  readonly dnsNames: readonly string[];
  /** SPIFFE ID of the injector; every certificate of the mesh says whose it is. */
  readonly uri: string;
  readonly trustDomain: string;
  readonly lifetime: Millis;
  /** Wall time in milliseconds. */
  readonly now: number;
}

/** Clocks of API servers may be behind ours. */
export const backdate = 300_000;

export function makeServingPair(request: PairRequest): ServingPair {
  const { dnsNames, uri, trustDomain, lifetime, now } = request;
  const validity = { notBefore: now - backdate, notAfter: now + lifetime };
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const authorityPoint = publicPointOf(authority.publicKey);
  // Verifiers find issuers by name, and the old and the new authority are trusted at the same time.
  const commonName = `remora-injector ${randomBytes(8).toString("hex")}`;
  const issuer = selfIssuer(authority.privateKey, commonName, authorityPoint);
  const ca = buildAuthority(
    {
      ...validity,
      publicPoint: authorityPoint,
      serial: createSerial(randomBytes),
      commonName,
      trustDomain,
      pathLength: 0,
    },
    issuer,
  );
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const leaf = buildLeaf(
    {
      ...validity,
      publicPoint: publicPointOf(own.publicKey),
      serial: createSerial(randomBytes),
      uri,
      dnsNames,
    },
    issuer,
  );
  return {
    certPem: encodePem("CERTIFICATE", leaf),
    keyPem: own.privateKey.export({ type: "pkcs8", format: "pem" }),
    caPem: encodePem("CERTIFICATE", ca),
  };
}
