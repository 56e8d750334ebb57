/** remora.policy.v1.RequestRules from the wire. A condition that is not known makes the whole policy unreadable. */
import type { HeaderMatch, PolicyRule, RequestMatch, StringMatch } from "../authorization.ts";
import { decodeClauses, decodeStringMatch, keepList } from "./policy-match.ts";
import { WireError, WireReader } from "./reader.ts";

/** Throws a WireError that says what cannot be understood. */
export function decodeRequestRules(bytes: Uint8Array): PolicyRule[] {
  const reader = new WireReader(bytes);
  const rules: PolicyRule[] = [];
  const readers: RuleReaders = {
    clauses: shareLast(decodeClauses),
    request: shareLast(decodeRequestMatch),
  };
  while (reader.next()) {
    if (reader.field === 1) rules.push(decodeRule(reader.message(), readers));
    else throw unknownField("request rules", reader.field);
  }
  return rules;
}

interface RuleReaders {
  readonly clauses: (bytes: Uint8Array) => PolicyRule["clauses"];
  readonly request: (bytes: Uint8Array) => RequestMatch;
}

/** Rules in a row often say the same of clients, or of requests: what came of the same bytes is not kept twice. */
function shareLast<T>(decode: (reader: WireReader) => T): (bytes: Uint8Array) => T {
  let last: { readonly bytes: Uint8Array; readonly value: T } | undefined;
  return (bytes) => {
    if (last === undefined || Buffer.compare(last.bytes, bytes) !== 0) {
      last = { bytes, value: decode(new WireReader(bytes)) };
    }
    return last.value;
  };
}

function decodeRule(reader: WireReader, readers: RuleReaders): PolicyRule {
  let clauses: PolicyRule["clauses"] = [];
  let request: RequestMatch | undefined;
  while (reader.next()) {
    if (reader.field === 1) clauses = readers.clauses(reader.bytes());
    else if (reader.field === 2) request = readers.request(reader.bytes());
    else throw unknownField("a request rule", reader.field);
  }
  return request === undefined ? { clauses } : { clauses, request };
}

function decodeRequestMatch(reader: WireReader): RequestMatch {
  const [hosts, notHosts, paths, notPaths]: StringMatch[][] = [[], [], [], []];
  const [methods, notMethods]: string[][] = [[], []];
  const headers: HeaderMatch[] = [];
  let empty = true;
  while (reader.next()) {
    empty = false;
    if (reader.field === 1) hosts?.push(decodeStringMatch(reader.message()));
    else if (reader.field === 2) notHosts?.push(decodeStringMatch(reader.message()));
    else if (reader.field === 3) methods?.push(reader.string());
    else if (reader.field === 4) notMethods?.push(reader.string());
    else if (reader.field === 5) paths?.push(decodeStringMatch(reader.message()));
    else if (reader.field === 6) notPaths?.push(decodeStringMatch(reader.message()));
    else if (reader.field === 7) headers.push(decodeHeaderMatch(reader.message()));
    else throw unknownField("a request match", reader.field);
  }
  // It could be meant as "every request" as well as "every byte".
  if (empty) throw new WireError("request match without a condition");
  return {
    hosts: keepList(hosts ?? []),
    notHosts: keepList(notHosts ?? []),
    methods: keepList(methods ?? []),
    notMethods: keepList(notMethods ?? []),
    paths: keepList(paths ?? []),
    notPaths: keepList(notPaths ?? []),
    headers: keepList(headers),
  };
}

const presences = ["any", "present", "absent"] as const;

function decodeHeaderMatch(reader: WireReader): HeaderMatch {
  let [name, presence] = ["", 0];
  const values: StringMatch[] = [];
  const notValues: StringMatch[] = [];
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) presence = reader.uint32();
    else if (reader.field === 3) values.push(decodeStringMatch(reader.message()));
    else if (reader.field === 4) notValues.push(decodeStringMatch(reader.message()));
    else throw unknownField("a header match", reader.field);
  }
  const known = presences[presence];
  if (known === undefined) throw new WireError(`header presence ${presence} is not known`);
  if (name === "") throw new WireError("header match without a name");
  return { name, presence: known, values: keepList(values), notValues: keepList(notValues) };
}

function unknownField(where: string, field: number): WireError {
  return new WireError(`condition ${field} of ${where} is not known`);
}
