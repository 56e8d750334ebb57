/**
 * The conditions of a rule on HTTP requests as a predicate. Where a request can be read in more than one way, a Deny
 * rule matches when any reading does, and an Allow rule only when all do: doubt never opens a door.
 */
import type { HeaderMatch, RequestMatch, StringMatch } from "../../api/authorization.ts";
import type { HeaderList } from "../../protocol/exchange.ts";
import type { RequestFacts } from "./request-facts.ts";
import { matchesAny } from "./text-match.ts";

export type RequestPredicate = (request: RequestFacts) => boolean;

/** Whether the rule opens doors, and so must be sure. */
export type Caution = "allow" | "deny";

export function requestPredicate(match: RequestMatch, caution: Caution): RequestPredicate {
  const all: RequestPredicate[] = [];
  const { hosts, notHosts, methods, notMethods, headers } = match;
  if (methods.length > 0) all.push(({ method }) => methods.includes(method));
  if (notMethods.length > 0) all.push(({ method }) => !notMethods.includes(method));
  if (hosts.length > 0) all.push(({ host }) => matchesAny(hosts, host));
  if (notHosts.length > 0) all.push(({ host }) => !matchesAny(notHosts, host));
  addPaths(all, match, caution);
  for (const header of headers) all.push(headerPredicate(header, caution));
  if (all.length === 1) return all[0] as RequestPredicate;
  return (request) => {
    for (const holds of all) if (!holds(request)) return false;
    return true;
  };
}

function addPaths(all: RequestPredicate[], match: RequestMatch, caution: Caution): void {
  const { paths, notPaths } = match;
  if (paths.length > 0) {
    if (caution === "allow") all.push((request) => everyReading(request, paths));
    else {
      const wide = withFolders(paths);
      all.push((request) => anyReading(request, wide));
    }
  }
  if (notPaths.length > 0) {
    if (caution === "deny") all.push((request) => !everyReading(request, notPaths));
    else {
      const wide = withFolders(notPaths);
      all.push((request) => !anyReading(request, wide));
    }
  }
}

/** To most servers /admin and /admin/ are one: what closes a door closes it for both. */
export function withFolders(paths: readonly StringMatch[]): readonly StringMatch[] {
  return paths.flatMap((path): StringMatch[] =>
    path.kind === "exact" && !path.text.endsWith("/")
      ? [path, { kind: "exact", text: `${path.text}/` }]
      : [path],
  );
}

function anyReading(request: RequestFacts, paths: readonly StringMatch[]): boolean {
  if (matchesAny(paths, request.path)) return true;
  for (const reading of request.otherReadings) if (matchesAny(paths, reading)) return true;
  return false;
}

function everyReading(request: RequestFacts, paths: readonly StringMatch[]): boolean {
  if (!matchesAny(paths, request.path)) return false;
  for (const reading of request.otherReadings) if (!matchesAny(paths, reading)) return false;
  return true;
}

function headerPredicate(header: HeaderMatch, caution: Caution): RequestPredicate {
  const { presence, values, notValues } = header;
  const name = header.name.replaceAll("_", "-");
  const sure = caution === "allow";
  const isAmong = (headers: HeaderList, wanted: readonly StringMatch[], sure: boolean): boolean =>
    sure ? everyValue(headers, name, wanted) : anyValue(headers, name, wanted);
  return ({ headers }) => {
    if (presence !== "any" && hasHeader(headers, name) !== (presence === "present")) return false;
    if (values.length > 0 && !isAmong(headers, values, sure)) return false;
    return notValues.length === 0 || !isAmong(headers, notValues, !sure);
  };
}

/** `name` has dashes only: servers that keep headers in variables take x_tenant for x-tenant. */
function isNamed(written: string, name: string): boolean {
  if (written === name) return true;
  if (written.length !== name.length || !written.includes("_")) return false;
  return written.replaceAll("_", "-") === name;
}

function hasHeader(headers: HeaderList, name: string): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (isNamed(headers[index] as string, name)) return true;
  }
  return false;
}

/** One line of the header, or one element of its list (RFC 9110 5.3), is among the values. */
function anyValue(headers: HeaderList, name: string, values: readonly StringMatch[]): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (!isNamed(headers[index] as string, name)) continue;
    const line = headers[index + 1] as string;
    if (matchesAny(values, line)) return true;
    if (line.includes(",") && elementsOf(line).some((each) => matchesAny(values, each)))
      return true;
  }
  return false;
}

/** The header is there, and each of its lines is among the values word for word, or element by element. */
function everyValue(headers: HeaderList, name: string, values: readonly StringMatch[]): boolean {
  let present = false;
  for (let index = 0; index < headers.length; index += 2) {
    if (!isNamed(headers[index] as string, name)) continue;
    present = true;
    const line = headers[index + 1] as string;
    const among = line.includes(",")
      ? isOneOf(values, line) || elementsOf(line).every((each) => matchesAny(values, each))
      : matchesAny(values, line);
    if (!among) return false;
  }
  return present;
}

function isOneOf(values: readonly StringMatch[], line: string): boolean {
  return values.some((value) => value.kind === "exact" && value.text === line);
}

function elementsOf(line: string): string[] {
  return line.split(",").map((element) => element.trim());
}
