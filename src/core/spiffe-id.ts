/** SPIFFE IDs of the one form that the mesh accepts: `spiffe://TD/ns/NAMESPACE/sa/SERVICE-ACCOUNT`. */

declare const spiffeIdBrand: unique symbol;

/** The whole URI. Two identities are equal exactly when their strings are. */
export type SpiffeId = string & { readonly [spiffeIdBrand]: true };

export interface SpiffeIdParts {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** SPIFFE-ID.md 2.3: longer ones need not be supported. */
const maxLength = 2048;
const maxTrustDomainLength = 255;
const trustDomainPattern = /^[a-z0-9._-]+$/;
const segmentPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

/** Gives undefined for any other form, also for SPIFFE IDs that are legal but have another path. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  return readParts(text) === undefined ? undefined : (text as SpiffeId);
}

/** Throws when a part holds a character that a SPIFFE ID may not. */
export function formatSpiffeId(parts: SpiffeIdParts): SpiffeId {
  const id = parseSpiffeId(
    `spiffe://${parts.trustDomain}/ns/${parts.namespace}/sa/${parts.serviceAccount}`,
  );
  if (id === undefined)
    throw new TypeError(`not the parts of a SPIFFE ID: ${JSON.stringify(parts)}`);
  return id;
}

/** The three names inside an identity. */
export function spiffeIdParts(id: SpiffeId): SpiffeIdParts {
  const parts = readParts(id);
  if (parts === undefined) throw new TypeError(`not a SPIFFE ID: ${id}`);
  return parts;
}

/** Whether the text may name a trust domain (SPIFFE-ID.md 2.1). */
export function isTrustDomain(text: string): boolean {
  return text.length <= maxTrustDomainLength && trustDomainPattern.test(text);
}

function readParts(text: string): SpiffeIdParts | undefined {
  if (text.length > maxLength) return undefined;
  const parts = text.split("/");
  const [scheme, empty, trustDomain, ns, namespace, sa, serviceAccount] = parts;
  if (parts.length !== 7 || scheme !== "spiffe:" || empty !== "" || ns !== "ns" || sa !== "sa") {
    return undefined;
  }
  if (trustDomain === undefined || !isTrustDomain(trustDomain)) return undefined;
  if (namespace === undefined || !segmentPattern.test(namespace)) return undefined;
  if (serviceAccount === undefined || !segmentPattern.test(serviceAccount)) return undefined;
  return { trustDomain, namespace, serviceAccount };
}
