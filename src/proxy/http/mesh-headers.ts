/** The headers that belong to the mesh: set on one hop, removed on the next, never taken from an application. */
import { parsePort } from "../../core/address.ts";
import type { HeaderList } from "../../protocol/exchange.ts";

/** Where the receiving proxy sends a request: `PORT`, or `PORT;h1` when the application is spoken to in HTTP/1. */
const destinationHeader = "remora-dst";

/** Tells the application who calls: the SPIFFE ID that the peer proved. */
const clientHeader = "remora-client-id";

/** On an error of the receiving proxy: the application has not seen the request, so it may be sent elsewhere. */
const unprocessedHeader = "remora-unprocessed";
export const unprocessed: HeaderList = [unprocessedHeader, "1"];

const prefix = "remora-";

/** On the refusal of a tunnel: policies let in some requests, so a client that has not spoken may still speak HTTP. */
const requestsOnlyHeader = "remora-requests-only";
export const requestsOnly: HeaderList = [requestsOnlyHeader, "1"];

export interface MeshDestination {
  readonly port: number;
  readonly http1: boolean;
}

/** Removes every header whose name begins with `remora-`, in place. */
export function stripMeshHeaders(headers: HeaderList): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if ((headers[index] as string).startsWith(prefix)) headers.splice(index, 2);
  }
}

/** Adds the destination, or replaces the one of an earlier try. */
export function markDestination(headers: HeaderList, port: number, http1: boolean): void {
  const value = destinationValue(port, http1);
  const last = headers.length - 2;
  if (last >= 0 && headers[last] === destinationHeader) headers[last + 1] = value;
  else headers.push(destinationHeader, value);
}

export function unmarkDestination(headers: HeaderList): void {
  const last = headers.length - 2;
  if (last >= 0 && headers[last] === destinationHeader) headers.length = last;
}

/** Reads and removes the mesh's headers; undefined when the request names no destination or a malformed one. */
export function takeDestination(headers: HeaderList): MeshDestination | undefined {
  let destination: MeshDestination | undefined;
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    const name = headers[index] as string;
    if (!name.startsWith(prefix)) continue;
    if (name === destinationHeader) destination = parseDestination(headers[index + 1] as string);
    headers.splice(index, 2);
  }
  return destination;
}

export function isUnprocessed(headers: HeaderList): boolean {
  return hasHeader(headers, unprocessedHeader);
}

export function isRequestsOnly(headers: HeaderList): boolean {
  return hasHeader(headers, requestsOnlyHeader);
}

function hasHeader(headers: HeaderList, name: string): boolean {
  const at = headers.indexOf(name);
  // At an odd place it is a value that the application chose.
  return at >= 0 && (at % 2 === 0 || headers.some((text, i) => i % 2 === 0 && text === name));
}

export function addClientIdentity(headers: HeaderList, identity: string): void {
  headers.push(clientHeader, identity);
}

const values = new Map<number, { readonly h1: string; readonly h2: string }>();

/** One string object per port, so that the header compressor finds it by identity. */
function destinationValue(port: number, http1: boolean): string {
  let pair = values.get(port);
  if (pair === undefined) {
    pair = { h1: `${port};h1`, h2: String(port) };
    values.set(port, pair);
  }
  return http1 ? pair.h1 : pair.h2;
}

/** The last good one: nearly all requests of a pod go to one port. */
let known: { readonly value: string; readonly destination: MeshDestination } | undefined;

function parseDestination(value: string): MeshDestination | undefined {
  if (known?.value === value) return known.destination;
  const destination = readDestination(value);
  if (destination !== undefined) known = { value, destination };
  return destination;
}

function readDestination(value: string): MeshDestination | undefined {
  const http1 = value.endsWith(";h1");
  const port = parsePort(http1 ? value.slice(0, -3) : value);
  return port === undefined ? undefined : { port, http1 };
}
