/** What a certificate authority gave, checked before it is used: a wrong one must not replace a good one. */
import { type KeyObject, X509Certificate } from "node:crypto";
import { MeshError } from "../core/mesh-error.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import { verifyPeerLeaf } from "../protocol/x509/peer-leaf.ts";
import { parsePem } from "../protocol/x509/pem.ts";

/** A private key with the certificate for it. */
export interface WorkloadCertificate {
  readonly id: SpiffeId;
  /** Leaf and intermediates, without the root. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly serial: string;
  /** Wall times in milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface CertificateExpectation {
  readonly privateKey: KeyObject;
  readonly trustDomain: string;
  /** Undefined takes any identity of the trust domain. */
  readonly id: SpiffeId | undefined;
  /** Wall time. */
  readonly now: number;
}

/** `answer` has the layout of the Istio CA API: leaf, intermediates, roots in the last element. Throws a MeshError. */
export function readIssuedChain(
  answer: readonly string[],
  expected: CertificateExpectation,
): WorkloadCertificate {
  const [leafPem] = answer;
  if (leafPem === undefined || answer.length < 2) {
    throw rejected(`a chain of ${answer.length} elements, without the root`);
  }
  const leafDer = parsePem(leafPem)?.[0]?.der;
  if (leafDer === undefined) throw rejected("a leaf that is not PEM");
  const verdict = verifyPeerLeaf(leafDer, expected.trustDomain);
  if (verdict.kind === "rejected") throw rejected(`a leaf that peers refuse: ${verdict.reason}`);
  if (expected.id !== undefined && verdict.id !== expected.id) {
    throw rejected(`a certificate for ${verdict.id} instead of ${expected.id}`);
  }
  const leaf = new X509Certificate(leafDer);
  if (!leaf.checkPrivateKey(expected.privateKey)) throw rejected("a certificate for another key");
  if (verdict.notAfter <= expected.now) throw rejected("a certificate that has ended");
  return {
    id: verdict.id,
    chainPem: answer.slice(0, -1).map(withNewline).join(""),
    privateKeyPem: expected.privateKey.export({ type: "pkcs8", format: "pem" }),
    serial: leaf.serialNumber.toLowerCase(),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: verdict.notAfter,
  };
}

function withNewline(pem: string): string {
  return pem.endsWith("\n") ? pem : `${pem}\n`;
}

function rejected(what: string): MeshError {
  return new MeshError("certificate_rejected", `the authority gave ${what}`, { side: "control" });
}
