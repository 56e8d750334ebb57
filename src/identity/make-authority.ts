/** Makes the keys and certificates of an authority: a root, and issuers under it. Writes nothing. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import {
  buildAuthority,
  createSerial,
  issuerOf,
  keyIdentifier,
  publicPointOf,
  selfIssuer,
} from "../protocol/x509/certificate-build.ts";
import { parseCertificateFacts } from "../protocol/x509/certificate-facts.ts";
import { encodePem, parsePem } from "../protocol/x509/pem.ts";

/** A certificate and the key for it, both as PEM. */
export interface KeyPairPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface AuthorityWish {
  readonly trustDomain: string;
  /** Wall time. */
  readonly now: number;
  readonly lifetime: number;
}

/** As for leaves: clocks of a cluster differ by less. */
const backdate = 120_000;

export function makeRoot({ trustDomain, now, lifetime }: AuthorityWish): KeyPairPem {
  const { privateKey, publicPoint, keyId } = generateKey();
  const commonName = `root ${keyId.toString("hex", 0, 4)}`;
  const der = buildAuthority(
    {
      publicPoint,
      serial: createSerial(randomBytes),
      notBefore: now - backdate,
      notAfter: now + lifetime,
      commonName,
      trustDomain,
      pathLength: 1,
    },
    selfIssuer(privateKey, commonName, publicPoint),
  );
  return { certificatePem: encodePem("CERTIFICATE", der), privateKeyPem: exportKey(privateKey) };
}

/** An issuer that the root has signed; it never outlives the root. Throws when the root is not one. */
export function makeIssuer(root: KeyPairPem, wish: AuthorityWish): KeyPairPem {
  const { trustDomain, now, lifetime } = wish;
  const rootDer = parsePem(root.certificatePem)?.[0]?.der;
  const facts = rootDer === undefined ? undefined : parseCertificateFacts(rootDer);
  if (facts?.subjectKeyId === undefined) throw new Error("the root certificate is not well formed");
  const { privateKey, publicPoint, keyId } = generateKey();
  const der = buildAuthority(
    {
      publicPoint,
      serial: createSerial(randomBytes),
      notBefore: now - backdate,
      notAfter: Math.min(now + lifetime, facts.notAfter),
      commonName: `issuer ${keyId.toString("hex", 0, 4)}`,
      trustDomain,
      pathLength: 0,
    },
    issuerOf(
      createPrivateKey(root.privateKeyPem),
      facts.subject,
      Buffer.from(facts.subjectKeyId, "hex"),
    ),
  );
  return { certificatePem: encodePem("CERTIFICATE", der), privateKeyPem: exportKey(privateKey) };
}

function generateKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPoint = publicPointOf(publicKey);
  return { privateKey, publicPoint, keyId: keyIdentifier(publicPoint) };
}

function exportKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}
