/**
 * Where the authority lives. A directory that holds `ca-cert.pem` was given by the operator (the file names are those of
 * Istio's `cacerts` Secret). Otherwise an authority is made once, in its sub-directory `own`: it is written beside under
 * another name and renamed as a whole, so that of two replicas that start together one wins and both serve the same.
 */
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
import type { Authority } from "./authority.ts";
import { parseAuthority } from "./authority-pem.ts";
import { makeIssuer, makeRoot } from "./make-authority.ts";

export interface OpenedAuthority {
  readonly authority: Authority;
  readonly origin: "given" | "own" | "made";
}

const day = 86_400_000;
/** The root stays for the life of a cluster; replacing it needs an overlap in every bundle. */
const rootLifetime = 3_650 * day;
/** Short enough that its replacement is practised. */
const issuerLifetime = 365 * day;

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
    const text = (name: string): string => readFileSync(join(directory, name), "latin1");
    return parseAuthority(
      {
        chainPem: text(chainName),
        privateKeyPem: text("ca-key.pem"),
        rootsPem: text("root-cert.pem"),
      },
      trustDomain,
    );
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`certificate authority in ${directory}: ${reason}`, { cause: error });
  }
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
  const root = makeRoot({ trustDomain, now, lifetime: rootLifetime });
  const issuer = makeIssuer(root, { trustDomain, now, lifetime: issuerLifetime });
  return {
    "root-key.pem": root.privateKeyPem,
    "root-cert.pem": root.certificatePem,
    "ca-key.pem": issuer.privateKeyPem,
    "ca-cert.pem": issuer.certificatePem,
  };
}
