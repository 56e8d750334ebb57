/** Certificates that the mesh's own authority would never issue, made with its key. */
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildLeaf,
  createSerial,
  type Issuer,
  issuerOf,
  keyIdentifier,
  publicPointOf,
} from "../../src/protocol/x509/certificate-build.ts";
import { parseCertificateFacts } from "../../src/protocol/x509/certificate-facts.ts";

export interface Leaf {
  /** Leaf and intermediate, PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface LeafWish {
  readonly uri: string;
  /** Milliseconds from now; negative for one that has expired. */
  readonly endsIn: number;
}

export interface Forger {
  forge(wish: LeafWish): Leaf;
  /** The same, signed by a key that the mesh does not know. */
  forgeAbroad(wish: LeafWish): Leaf;
}

/** `folder` is where the identity service keeps its authority. */
export function openForger(folder: string): Forger {
  const chain = readFileSync(join(folder, "ca-cert.pem"), "utf8");
  const certificate = new X509Certificate(chain);
  const facts = parseCertificateFacts(certificate.raw);
  if (facts === undefined) throw new Error(`no certificate in ${folder}`);
  const keyId = keyIdentifier(publicPointOf(certificate.publicKey));
  const issuer = (key: KeyObject): Issuer => issuerOf(key, facts.subject, keyId);
  const own = issuer(createPrivateKey(readFileSync(join(folder, "ca-key.pem"))));
  const foreign = issuer(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  return {
    forge: (wish) => forgeLeaf(wish, own, chain),
    forgeAbroad: (wish) => forgeLeaf(wish, foreign, chain),
  };
}

function forgeLeaf({ uri, endsIn }: LeafWish, issuer: Issuer, chain: string): Leaf {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Date.now();
  const der = buildLeaf(
    {
      uri,
      publicPoint: publicPointOf(publicKey),
      serial: createSerial(randomBytes),
      notBefore: now - 3_600_000,
      notAfter: now + endsIn,
    },
    issuer,
  );
  const pem = new X509Certificate(der).toString();
  return {
    cert: `${pem}${chain}`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}
