/**
 * Where the authority lives. A directory that holds `ca-cert.pem` was given by the operator (the file names are those of
 * Istio's `cacerts` Secret). Otherwise an authority is made once, in its sub-directory `own`: it is written beside under
 * another name and renamed as a whole, so that of two replicas that start together one wins and both serve the same.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
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
import { type Authority, createAuthority } from "./authority.ts";

export interface OpenedAuthority {
  readonly authority: Authority;
  readonly origin: "given" | "own" | "made";
}

const day = 86_400_000;
/** The root stays for the life of a cluster; replacing it needs an overlap in every bundle. */
const rootLifetime = 3_650 * day;
/** Short enough that its replacement is practised. */
const issuerLifetime = 365 * day;
/** As for leaves: clocks of a cluster differ by less. */
const backdate = 120_000;

/** Loads, or makes on first start. Throws an Error that names the file or says what does not fit. */
export function openAuthority(
  directory: string,
  trustDomain: string,
  now: number,
): OpenedAuthority {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (existsSync(join(directory, "ca-cert.pem"))) {
    return { authority: loadAuthority(directory, trustDomain), origin: "given" };
  }
  const own = join(directory, "own");
  if (existsSync(own)) return { authority: loadAuthority(own, trustDomain), origin: "own" };
  const origin = makeAuthority(directory, own, trustDomain, now) ? "made" : "own";
  return { authority: loadAuthority(own, trustDomain), origin };
}

function loadAuthority(directory: string, trustDomain: string): Authority {
  try {
    const chainFile = join(directory, "cert-chain.pem");
    const chainName = existsSync(chainFile) ? "cert-chain.pem" : "ca-cert.pem";
    const chain = readCertificates(directory, chainName);
    const roots = readCertificates(directory, "root-cert.pem");
    const keyPem = readFileSync(join(directory, "ca-key.pem"));
    const withoutRoots = chain.filter((der, index) => index === 0 || !includesBytes(roots, der));
    return createAuthority(
      { privateKey: createPrivateKey(keyPem), chain: withoutRoots, roots },
      trustDomain,
    );
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`certificate authority in ${directory}: ${reason}`, { cause: error });
  }
}

function readCertificates(directory: string, name: string): readonly Buffer[] {
  const blocks = parsePem(readFileSync(join(directory, name), "latin1"));
  if (blocks === undefined || blocks.some(({ label }) => label !== "CERTIFICATE")) {
    throw new Error(`${name} is not a file of PEM certificates`);
  }
  return blocks.map(({ der }) => der);
}

/** False when another process was first; then its files are the ones that count. */
function makeAuthority(directory: string, own: string, trustDomain: string, now: number): boolean {
  const draft = mkdtempSync(join(directory, ".new-"));
  try {
    for (const [name, content] of Object.entries(generateFiles(trustDomain, now))) {
      writeFileSync(join(draft, name), content, { mode: 0o600, flag: "wx", flush: true });
    }
    // A directory is renamed over nothing or over an empty directory, never over a full one.
    renameSync(draft, own);
    return true;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(own)) throw error;
    return false;
  }
}

function generateFiles(trustDomain: string, now: number): Readonly<Record<string, string>> {
  const root = generateKey();
  const rootName = `root ${root.keyId.toString("hex", 0, 4)}`;
  const notBefore = now - backdate;
  const rootDer = buildAuthority(
    {
      publicPoint: root.publicPoint,
      serial: createSerial(randomBytes),
      notBefore,
      notAfter: now + rootLifetime,
      commonName: rootName,
      trustDomain,
      pathLength: 1,
    },
    selfIssuer(root.privateKey, rootName, root.publicPoint),
  );
  const subject = parseCertificateFacts(rootDer)?.subject ?? Buffer.alloc(0);
  const issuer = generateKey();
  const issuerDer = buildAuthority(
    {
      publicPoint: issuer.publicPoint,
      serial: createSerial(randomBytes),
      notBefore,
      notAfter: now + issuerLifetime,
      commonName: `issuer ${issuer.keyId.toString("hex", 0, 4)}`,
      trustDomain,
      pathLength: 0,
    },
    issuerOf(root.privateKey, subject, root.keyId),
  );
  return {
    "root-key.pem": exportKey(root.privateKey),
    "root-cert.pem": encodePem("CERTIFICATE", rootDer),
    "ca-key.pem": exportKey(issuer.privateKey),
    "ca-cert.pem": encodePem("CERTIFICATE", issuerDer),
  };
}

function generateKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPoint = publicPointOf(publicKey);
  return { privateKey, publicPoint, keyId: keyIdentifier(publicPoint) };
}

function exportKey(key: ReturnType<typeof generateKey>["privateKey"]): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

function includesBytes(list: readonly Buffer[], bytes: Buffer): boolean {
  return list.some((other) => other.equals(bytes));
}
