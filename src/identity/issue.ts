/** From a caller who has proved an identity, and a CSR, to a chain or a refusal. No I/O: transports and tests call it. */
import { randomBytes } from "node:crypto";
import type { Millis } from "../core/duration.ts";
import { formatSpiffeId, type SpiffeId } from "../core/spiffe-id.ts";
import { createSerial } from "../protocol/x509/certificate-build.ts";
import { type CsrRejection, checkCsr } from "../protocol/x509/csr-check.ts";
import type { Authority } from "./authority.ts";
import type { Caller, TokenRejection } from "./token.ts";

export interface IssueRequest {
  readonly csr: string;
  /** What the caller asks for; 0 leaves it to us. */
  readonly validitySeconds: number;
  /** True when the caller wants a certificate in another's name. */
  readonly impersonates: boolean;
}

/** Why nothing was issued; stable words for logs, metrics and the caller. */
export type RefusalCode =
  | TokenRejection
  | `csr_${CsrRejection}`
  | "impersonation"
  | "authority_expired";

export type IssueResult =
  | {
      readonly kind: "issued";
      readonly id: SpiffeId;
      readonly caller: Caller;
      readonly serial: string;
      readonly notAfter: number;
      /** Fingerprint of the certificate that issued it. */
      readonly issuer: string;
      /** PEM: leaf, each intermediate, all roots in the last element (the layout of Istio's clients). */
      readonly chain: readonly string[];
    }
  | {
      readonly kind: "refused";
      readonly code: RefusalCode;
      /** Known when the token was good. */
      readonly caller: Caller | undefined;
    };

export interface IssuePolicy {
  readonly trustDomain: string;
  /** Given when a request asks for none. */
  readonly leafLifetime: Millis;
  /** The most that a request can get. */
  readonly maxLifetime: Millis;
}

/** Clocks of one cluster differ by less; istiod back-dates by as much. */
export const backdate = 120_000;
/** A leaf that ends sooner could not be used before it is renewed. */
const minLifetime = 5_000;

/** `caller` has proved itself; `now` is wall time. */
export function issueCertificate(
  request: IssueRequest,
  caller: Caller,
  policy: IssuePolicy,
  authority: Authority,
  now: number,
): IssueResult {
  if (request.impersonates) return refuse("impersonation", caller);
  const csr = checkCsr(request.csr);
  if (csr.kind === "rejected") return refuse(`csr_${csr.reason}`, caller);
  const notAfter = Math.min(now + chooseLifetime(request, policy), authority.notAfter);
  if (notAfter - now < minLifetime || authority.notBefore > now) {
    return refuse("authority_expired", caller);
  }
  const { namespace, serviceAccount } = caller;
  const id = formatSpiffeId({ trustDomain: policy.trustDomain, namespace, serviceAccount });
  const serial = createSerial(randomBytes);
  const leaf = authority.issueLeaf({
    publicPoint: csr.publicPoint,
    serial,
    notBefore: Math.max(now - backdate, authority.notBefore),
    notAfter,
    uri: id,
  });
  const chain = [leaf, ...authority.intermediates, authority.rootPem];
  return {
    kind: "issued",
    id,
    caller,
    serial: serial.toString("hex"),
    notAfter,
    issuer: authority.id,
    chain,
  };
}

function chooseLifetime(request: IssueRequest, policy: IssuePolicy): number {
  if (!(request.validitySeconds > 0)) return policy.leafLifetime;
  const asked = Math.max(request.validitySeconds * 1_000, minLifetime);
  return Math.min(asked, policy.maxLifetime);
}

/** `caller` is undefined when nobody proved anything. */
export function refuse(code: RefusalCode, caller: Caller | undefined): IssueResult {
  return { kind: "refused", code, caller };
}
