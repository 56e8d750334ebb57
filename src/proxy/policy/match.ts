/** The conditions of a policy held against what is known of a connection; nothing is made of them beforehand. */
import type {
  AddressBlock,
  PolicyMatch,
  ServiceAccountMatch,
  StringMatch,
} from "../../api/authorization.ts";
import { matchesText } from "./text-match.ts";

/** A connection in the words of policies. */
export interface Facts {
  /** Undefined for a client without a mesh identity. */
  readonly peer: PeerFacts | undefined;
  /** Bytes in network order. */
  readonly clientIp: Uint8Array;
  readonly destinationIp: Uint8Array;
  /** The application's own port. */
  readonly port: number;
}

export interface PeerFacts {
  /** The identity without `spiffe://`. */
  readonly principal: string;
  readonly namespace: string;
  /** `NAMESPACE/SERVICE-ACCOUNT`. */
  readonly account: string;
}

/** All kinds that have values must hold; one without any never does. */
export function matchesFacts(match: PolicyMatch, facts: Facts): boolean {
  return (
    hasConditions(match) &&
    isAmong(match.principals, match.notPrincipals, isPrincipal, facts) &&
    isAmong(match.namespaces, match.notNamespaces, isNamespace, facts) &&
    isAmong(match.serviceAccounts, match.notServiceAccounts, isAccount, facts) &&
    isAmong(match.sourceIps, match.notSourceIps, isFrom, facts) &&
    isAmong(match.destinationIps, match.notDestinationIps, isTo, facts) &&
    isAmong(match.destinationPorts, match.notDestinationPorts, isPort, facts)
  );
}

function hasConditions(match: PolicyMatch): boolean {
  for (const name in match) if (match[name as keyof PolicyMatch].length > 0) return true;
  return false;
}

/** Any of the positive values, none of the negative ones; a client without identity has none of either. */
function isAmong<T>(
  positive: readonly T[],
  negative: readonly T[],
  is: (value: T, facts: Facts) => boolean,
  facts: Facts,
): boolean {
  return (
    (positive.length === 0 || positive.some((value) => is(value, facts))) &&
    (negative.length === 0 || !negative.some((value) => is(value, facts)))
  );
}

function isPrincipal(value: StringMatch, { peer }: Facts): boolean {
  return peer !== undefined && matchesText(value, peer.principal);
}

function isNamespace(value: StringMatch, { peer }: Facts): boolean {
  return peer !== undefined && matchesText(value, peer.namespace);
}

function isAccount({ namespace, serviceAccount }: ServiceAccountMatch, { peer }: Facts): boolean {
  return peer?.account === `${namespace}/${serviceAccount}`;
}

function isFrom(value: AddressBlock, { clientIp }: Facts): boolean {
  return isInBlock(clientIp, value);
}

function isTo(value: AddressBlock, { destinationIp }: Facts): boolean {
  return isInBlock(destinationIp, value);
}

function isPort(value: number, { port }: Facts): boolean {
  return port === value;
}

/** An address of the other family is in no block. */
function isInBlock(ip: Uint8Array, block: AddressBlock): boolean {
  if (ip.length !== block.address.length) return false;
  const whole = block.length >> 3;
  for (let index = 0; index < whole; index += 1) {
    if (ip[index] !== block.address[index]) return false;
  }
  const rest = block.length & 7;
  if (rest === 0) return true;
  return (((ip[whole] ?? 0) ^ (block.address[whole] ?? 0)) & (0xff << (8 - rest)) & 0xff) === 0;
}
