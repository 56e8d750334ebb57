/**
 * Decides who the holder of a leaf certificate is (X509-SVID.md 2 and 5.2). The chain's signatures and dates are
 * OpenSSL's part of the handshake; what the leaf may be, and the name in it, is decided here, on every handshake.
 */
import { parseSpiffeId, type SpiffeId, spiffeIdParts } from "../../core/spiffe-id.ts";
import {
  type CertificateFacts,
  maxCertificateBytes,
  parseCertificateFacts,
} from "./certificate-facts.ts";
import { oid } from "./oids.ts";

/** Why a leaf names nobody; stable words for logs and metrics. */
export type LeafRejection =
  | "too_large"
  | "malformed"
  | "key_type"
  | "signature_type"
  | "is_authority"
  | "key_usage"
  | "ext_key_usage"
  | "unknown_critical_extension"
  | "no_uri_name"
  | "several_uri_names"
  | "not_a_spiffe_id"
  | "foreign_trust_domain";

export type LeafVerdict =
  | {
      readonly kind: "accepted";
      readonly id: SpiffeId;
      /** Wall time in milliseconds: a connection should not outlive it. */
      readonly notAfter: number;
    }
  | { readonly kind: "rejected"; readonly reason: LeafRejection };

/** Takes the leaf as DER. Pure, and bounded by the length of the input. */
export function verifyPeerLeaf(der: Buffer, trustDomain: string): LeafVerdict {
  if (der.length > maxCertificateBytes) return reject("too_large");
  const facts = parseCertificateFacts(der);
  if (facts === undefined) return reject("malformed");
  const reason = findProfileFault(facts);
  if (reason !== undefined) return reject(reason);
  const [uri, second] = facts.uriSans;
  if (uri === undefined) return reject("no_uri_name");
  if (second !== undefined) return reject("several_uri_names");
  const id = parseSpiffeId(uri);
  if (id === undefined) return reject("not_a_spiffe_id");
  // One bundle per trust domain: an identity of another domain was signed by somebody who may not name it.
  if (spiffeIdParts(id).trustDomain !== trustDomain) return reject("foreign_trust_domain");
  return { kind: "accepted", id, notAfter: facts.notAfter };
}

function findProfileFault(facts: CertificateFacts): LeafRejection | undefined {
  if (facts.keyKind === "other") return "key_type";
  if (!facts.signatureStrong) return "signature_type";
  if (facts.isCa || facts.keyUsage?.authority === true || facts.hasNameConstraints) {
    return "is_authority";
  }
  if (facts.keyUsage?.critical !== true || !facts.keyUsage.digitalSignature) return "key_usage";
  const usages = facts.extKeyUsage;
  if (usages !== undefined && !(usages.includes(oid.serverAuth) && usages.includes(oid.clientAuth)))
    return "ext_key_usage";
  return facts.hasUnknownCritical ? "unknown_critical_extension" : undefined;
}

function reject(reason: LeafRejection): LeafVerdict {
  return { kind: "rejected", reason };
}
