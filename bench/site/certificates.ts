/**
 * One certificate authority and a P-256 leaf for each side, with SPIFFE names, used by every peer but Remora. An issuer
 * stands between root and leaf and is sent along, as Remora's identity does it: handshakes are compared byte for byte.
 */
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from "node:fs";
import { run } from "./command.ts";

export interface Leaf {
  /** The leaf and the issuer below the root. */
  readonly certificate: string;
  readonly key: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly combined: string;
  readonly spiffeId: string;
}

interface Signer {
  readonly certificate: string;
  readonly key: string;
}

/** nginx checks an upstream by a DNS name and cannot check a SPIFFE ID. */
export const leafDnsName = "peer.bench";

/** All values but the SPIFFE IDs are paths of PEM files. */
export interface Certificates {
  readonly authority: string;
  readonly client: Leaf;
  readonly server: Leaf;
}

const newKey =
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /O=bench";
const leafExtensions = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=serverAuth,clientAuth",
];

const issuerExtensions = [
  "basicConstraints=critical,CA:TRUE,pathlen:0",
  "keyUsage=critical,keyCertSign,cRLSign",
];

export async function createCertificates(folder: string): Promise<Certificates> {
  const authority = `${folder}/ca.pem`;
  const root = { certificate: authority, key: `${folder}/ca.key` };
  await create(authority, root.key, ["keyUsage=critical,keyCertSign,cRLSign"]);
  const signer = { certificate: `${folder}/issuer.pem`, key: `${folder}/issuer.key` };
  await create(signer.certificate, signer.key, issuerExtensions, signedBy(root));
  const leaf = (name: string) => createLeaf(folder, name, signer);
  return { authority, client: await leaf("client"), server: await leaf("server") };
}

/** A certificate of the service account `name`, signed by an authority whose files are given. */
export async function createLeaf(folder: string, name: string, authority: Signer): Promise<Leaf> {
  const spiffeId = `spiffe://cluster.local/ns/bench/sa/${name}`;
  const key = `${folder}/${name}.key`;
  const certificate = `${folder}/${name}.pem`;
  const names = `subjectAltName=critical,URI:${spiffeId},DNS:${leafDnsName}`;
  await create(certificate, key, [...leafExtensions, names], signedBy(authority));
  appendFileSync(certificate, readFileSync(authority.certificate));
  // Worth nothing after the run, and read by programs without privileges.
  chmodSync(key, 0o644);
  const combined = `${folder}/${name}.combined.pem`;
  writeFileSync(combined, readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
  return { certificate, key, combined, spiffeId };
}

function signedBy({ certificate, key }: Signer): string[] {
  return ["-CA", certificate, "-CAkey", key];
}

async function create(
  certificate: string,
  key: string,
  extensions: readonly string[],
  signer: readonly string[] = [],
): Promise<void> {
  const files = ["-keyout", key, "-out", certificate];
  const added = extensions.flatMap((extension) => ["-addext", extension]);
  await run("openssl", [...newKey.split(" "), ...files, ...signer, ...added]);
}
