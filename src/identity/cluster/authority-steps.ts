/** What the leader does to the Secrets of the authority, one step each. Every step may be done twice without harm. */
import { parseCertificateFacts } from "../../protocol/x509/certificate-facts.ts";
import { bundleFingerprint, certificateFingerprint } from "../../protocol/x509/fingerprint.ts";
import { encodePem } from "../../protocol/x509/pem.ts";
import { type AuthorityPem, parseAuthority, readCertificates } from "../authority-pem.ts";
import { makeIssuer, makeRoot } from "../make-authority.ts";
import {
  issuerData,
  issuerSecret,
  type NextAuthority,
  nextData,
  nextSecret,
  readIssuer,
  readNext,
  readRoot,
  rootData,
  rootSecret,
} from "./issuer-secret.ts";
import type { StoredObject, StoredObjects } from "./stored-objects.ts";

export interface StepContext {
  readonly stored: StoredObjects;
  readonly trustDomain: string;
  /** Of the certificates that are made here. */
  readonly rootLifetime: number;
  readonly issuerLifetime: number;
}

const tlsType = "kubernetes.io/tls";

/**
 * Makes the issuer Secret: of `held` when a replica still has it in memory, else under the stored root, else from nothing.
 * Of two replicas that do it at once one is first; the other finds its work.
 */
export async function createIssuer(
  context: StepContext,
  held: AuthorityPem | undefined,
  now: number,
): Promise<void> {
  const { stored, trustDomain } = context;
  const pem = held ?? (await makeUnderStoredRoot(context, now));
  parseAuthority(pem, trustDomain);
  const metadata = { name: issuerSecret };
  await stored.create("secrets", { metadata, type: tlsType, data: issuerData(pem) });
}

async function makeUnderStoredRoot(context: StepContext, now: number): Promise<AuthorityPem> {
  const { stored, trustDomain, rootLifetime, issuerLifetime } = context;
  let secret = await stored.read("secrets", rootSecret);
  if (secret === undefined) {
    const made = makeRoot({ trustDomain, now, lifetime: rootLifetime });
    const metadata = { name: rootSecret };
    await stored.create("secrets", { metadata, type: tlsType, data: rootData(made) });
    secret = await stored.read("secrets", rootSecret);
  }
  const root = readRoot(secret ?? {});
  const issuer = makeIssuer(root, { trustDomain, now, lifetime: issuerLifetime });
  return {
    chainPem: issuer.certificatePem,
    privateKeyPem: issuer.privateKeyPem,
    rootsPem: root.certificatePem,
  };
}

/** A new root and an issuer under it, kept until its turn comes. */
export async function createNext(context: StepContext, now: number): Promise<void> {
  const { stored, trustDomain, rootLifetime, issuerLifetime } = context;
  const root = makeRoot({ trustDomain, now, lifetime: rootLifetime });
  const made = makeIssuer(root, { trustDomain, now, lifetime: issuerLifetime });
  const issuer = {
    chainPem: made.certificatePem,
    privateKeyPem: made.privateKeyPem,
    rootsPem: root.certificatePem,
  };
  const metadata = { name: nextSecret };
  await stored.create("secrets", { metadata, data: nextData({ issuer, root }) });
}

export async function findNext(stored: StoredObjects): Promise<NextAuthority | undefined> {
  const secret = await stored.read("secrets", nextSecret);
  return secret === undefined ? undefined : readNext(secret);
}

/** Puts the next issuer in the place of the one that issues now; both roots stay. */
export async function switchIssuer(
  context: StepContext,
  secret: StoredObject,
  next: NextAuthority,
): Promise<void> {
  const roots = joinRoots([readIssuer(secret).rootsPem, next.issuer.rootsPem]);
  await replaceIssuer(context, secret, { ...next.issuer, rootsPem: roots.pem });
}

/** Takes the old root away: from the issuer, and from where issuers are renewed with. */
export async function retireRoot(
  context: StepContext,
  secret: StoredObject,
  next: NextAuthority,
): Promise<void> {
  const { stored } = context;
  const root = await stored.read("secrets", rootSecret);
  if (root === undefined) {
    const metadata = { name: rootSecret };
    await stored.create("secrets", { metadata, type: tlsType, data: rootData(next.root) });
  } else await stored.replace("secrets", { ...root, data: rootData(next.root) });
  await replaceIssuer(context, secret, {
    ...readIssuer(secret),
    rootsPem: next.issuer.rootsPem,
  });
}

/**
 * A fresh issuer under the same root, when two thirds of the old one's life are over: nobody needs to learn anything.
 * False when it is not time, when the root itself ends too soon for a better one, or its key is not here.
 */
export async function renewIssuer(
  context: StepContext,
  secret: StoredObject,
  now: number,
): Promise<boolean> {
  const { stored, trustDomain, issuerLifetime } = context;
  const current = parseAuthority(readIssuer(secret), trustDomain);
  if (current.notAfter - now >= issuerLifetime / 3) return false;
  const rootObject = await stored.read("secrets", rootSecret);
  if (rootObject === undefined) return false;
  const root = readRoot(rootObject);
  const issuer = makeIssuer(root, { trustDomain, now, lifetime: issuerLifetime });
  const pem = {
    chainPem: issuer.certificatePem,
    privateKeyPem: issuer.privateKeyPem,
    rootsPem: readIssuer(secret).rootsPem,
  };
  const gain = parseAuthority(pem, trustDomain).notAfter - current.notAfter;
  if (gain < issuerLifetime / 10) return false;
  await replaceIssuer(context, secret, pem);
  return true;
}

async function replaceIssuer(
  { stored, trustDomain }: StepContext,
  secret: StoredObject,
  pem: AuthorityPem,
): Promise<void> {
  // What replicas would refuse is not written.
  parseAuthority(pem, trustDomain);
  await stored.replace("secrets", { ...secret, data: issuerData(pem) });
}

export interface JoinedRoots {
  readonly pem: string;
  /** What those report who have it in force. */
  readonly hash: string;
  readonly roots: readonly { readonly fingerprint: string; readonly notAfter: number }[];
}

/** Each root once, in the order in which they come. */
export function joinRoots(pems: readonly string[]): JoinedRoots {
  const ders = new Map<string, Buffer>();
  for (const pem of pems) {
    for (const der of readCertificates(pem, "the roots are")) {
      ders.set(certificateFingerprint(der), der);
    }
  }
  return {
    pem: Array.from(ders.values(), (der) => encodePem("CERTIFICATE", der)).join(""),
    hash: bundleFingerprint([...ders.values()]),
    roots: Array.from(ders, ([fingerprint, der]) => {
      return { fingerprint, notAfter: parseCertificateFacts(der)?.notAfter ?? 0 };
    }),
  };
}
