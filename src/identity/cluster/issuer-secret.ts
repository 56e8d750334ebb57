/** Authorities as Secrets of type `kubernetes.io/tls`, in cert-manager's layout: tls.crt, tls.key, ca.crt. */
import type { AuthorityPem } from "../authority-pem.ts";
import type { KeyPairPem } from "../make-authority.ts";
import type { StoredObject } from "./stored-objects.ts";

/** What issues now. */
export const issuerSecret = "remora-issuer";
/** The root's own certificate and key, so that issuers can be renewed; never there when the issuer was given to us. */
export const rootSecret = "remora-root";
/** What will issue when every proxy knows its root. */
export const nextSecret = "remora-issuer-next";

/** Throws an Error that names the field that is missing. */
export function readIssuer(secret: Pick<StoredObject, "data">): AuthorityPem {
  return {
    chainPem: field(secret, "tls.crt"),
    privateKeyPem: field(secret, "tls.key"),
    rootsPem: field(secret, "ca.crt"),
  };
}

export function issuerData(issuer: AuthorityPem): Readonly<Record<string, string>> {
  return {
    "tls.crt": encode(issuer.chainPem),
    "tls.key": encode(issuer.privateKeyPem),
    "ca.crt": encode(issuer.rootsPem),
  };
}

export function readRoot(secret: Pick<StoredObject, "data">): KeyPairPem {
  return { certificatePem: field(secret, "tls.crt"), privateKeyPem: field(secret, "tls.key") };
}

export function rootData(root: KeyPairPem): Readonly<Record<string, string>> {
  return { "tls.crt": encode(root.certificatePem), "tls.key": encode(root.privateKeyPem) };
}

/** An issuer together with its root's key: all of a new authority in one object, so that no half of it can be lost. */
export interface NextAuthority {
  readonly issuer: AuthorityPem;
  readonly root: KeyPairPem;
}

export function readNext(secret: Pick<StoredObject, "data">): NextAuthority {
  const issuer = readIssuer(secret);
  const privateKeyPem = field(secret, "root.key");
  return { issuer, root: { certificatePem: issuer.rootsPem, privateKeyPem } };
}

export function nextData({ issuer, root }: NextAuthority): Readonly<Record<string, string>> {
  return { ...issuerData(issuer), "root.key": encode(root.privateKeyPem) };
}

function field({ data }: Pick<StoredObject, "data">, name: string): string {
  const text = Buffer.from(data?.[name] ?? "", "base64").toString("latin1");
  if (text.trim() === "") throw new Error(`${name} is missing in the Secret`);
  return text;
}

function encode(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}
