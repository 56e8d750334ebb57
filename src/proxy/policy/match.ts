/** One condition of a policy as a predicate over what is known of a connection. */
import type { AddressBlock, PolicyMatch } from "../../api/authorization.ts";
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

type Predicate = (facts: Facts) => boolean;

/** All kinds that have values must hold; without any the predicate never does. */
export function matchPredicate(match: PolicyMatch): Predicate {
  const all: Predicate[] = [];
  addBoth(all, match.principals, match.notPrincipals, (value) => {
    return ({ peer }) => peer !== undefined && matchesText(value, peer.principal);
  });
  addBoth(all, match.namespaces, match.notNamespaces, (value) => {
    return ({ peer }) => peer !== undefined && matchesText(value, peer.namespace);
  });
  addBoth(all, match.serviceAccounts, match.notServiceAccounts, (value) => {
    const account = `${value.namespace}/${value.serviceAccount}`;
    return ({ peer }) => peer?.account === account;
  });
  addBoth(all, match.sourceIps, match.notSourceIps, (value) => {
    return ({ clientIp }) => isInBlock(clientIp, value);
  });
  addBoth(all, match.destinationIps, match.notDestinationIps, (value) => {
    return ({ destinationIp }) => isInBlock(destinationIp, value);
  });
  addBoth(all, match.destinationPorts, match.notDestinationPorts, (value) => {
    return ({ port }) => port === value;
  });
  return all.length === 0 ? () => false : (facts) => all.every((holds) => holds(facts));
}

/** Any of the positive values, none of the negative ones; a client without identity has none of either. */
function addBoth<T>(
  all: Predicate[],
  positive: readonly T[],
  negative: readonly T[],
  compile: (value: T) => Predicate,
): void {
  const wanted = positive.map(compile);
  const unwanted = negative.map(compile);
  if (wanted.length > 0) all.push((facts) => wanted.some((holds) => holds(facts)));
  if (unwanted.length > 0) all.push((facts) => !unwanted.some((holds) => holds(facts)));
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
