/** The conditions of istio.security.Authorization from the wire. What cannot be evaluated exactly is refused. */
import type {
  AddressBlock,
  PolicyClause,
  PolicyMatch,
  ServiceAccountMatch,
  StringMatch,
} from "../authorization.ts";
import { WireError, type WireReader } from "./reader.ts";

/** A list as it is kept in thousands of rules: all that are empty are one, and no other has room to grow. */
export function keepList<T>(items: readonly T[]): readonly T[] {
  return items.length === 0 ? noItems : items.slice();
}

const noItems: readonly never[] = Object.freeze([]);

/** The clauses of an istio.security.Rule. */
export function decodeClauses(rule: WireReader): readonly PolicyClause[] {
  const clauses: PolicyClause[] = [];
  while (rule.next()) {
    if (rule.field !== 1) continue;
    const clause = rule.message();
    const matches: PolicyMatch[] = [];
    while (clause.next()) if (clause.field === 2) matches.push(decodeMatch(clause.message()));
    clauses.push({ matches: keepList(matches) });
  }
  return keepList(clauses);
}

function decodeMatch(reader: WireReader): PolicyMatch {
  const texts: StringMatch[][] = [[], [], [], []];
  const blocks: AddressBlock[][] = [[], [], [], []];
  const ports: number[][] = [[], []];
  const accounts: ServiceAccountMatch[][] = [[], []];
  while (reader.next()) {
    const field = reader.field;
    if (field <= 4) texts[field - 1]?.push(decodeStringMatch(reader.message()));
    else if (field <= 8) blocks[field - 5]?.push(decodeBlock(reader.message()));
    else if (field <= 10) reader.uint32s(ports[field - 9] ?? []);
    else if (field <= 12) accounts[field - 11]?.push(decodeAccount(reader.message()));
    // A condition of another program: without it the match would be wider than its author meant.
    else throw new WireError(`condition ${field} of a match is not known`);
  }
  return {
    namespaces: keepList(texts[0] ?? []),
    notNamespaces: keepList(texts[1] ?? []),
    principals: keepList(texts[2] ?? []),
    notPrincipals: keepList(texts[3] ?? []),
    sourceIps: keepList(blocks[0] ?? []),
    notSourceIps: keepList(blocks[1] ?? []),
    destinationIps: keepList(blocks[2] ?? []),
    notDestinationIps: keepList(blocks[3] ?? []),
    destinationPorts: keepList(ports[0] ?? []),
    notDestinationPorts: keepList(ports[1] ?? []),
    serviceAccounts: keepList(accounts[0] ?? []),
    notServiceAccounts: keepList(accounts[1] ?? []),
  };
}

export function decodeStringMatch(reader: WireReader): StringMatch {
  let match: StringMatch | undefined;
  while (reader.next()) {
    if (reader.field === 1) match = { kind: "exact", text: reader.string() };
    else if (reader.field === 2) match = { kind: "prefix", text: reader.string() };
    else if (reader.field === 3) match = { kind: "suffix", text: reader.string() };
    else if (reader.field === 4) match = { kind: "presence" };
  }
  if (match === undefined) throw new WireError("string match of an unknown kind");
  return match;
}

function decodeBlock(reader: WireReader): AddressBlock {
  let address = new Uint8Array(0);
  let length = 0;
  while (reader.next()) {
    if (reader.field === 1) address = Uint8Array.from(reader.bytes());
    else if (reader.field === 2) length = reader.uint32();
  }
  if (address.length !== 4 && address.length !== 16) {
    throw new WireError(`address of ${address.length} bytes`);
  }
  if (length > address.length * 8) throw new WireError(`address block of ${length} bits`);
  return { address, length };
}

function decodeAccount(reader: WireReader): ServiceAccountMatch {
  let [namespace, serviceAccount] = ["", ""];
  while (reader.next()) {
    if (reader.field === 1) namespace = reader.string();
    else if (reader.field === 2) serviceAccount = reader.string();
  }
  return { namespace, serviceAccount };
}
