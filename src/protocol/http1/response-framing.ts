/** Byte gear. Where a response ends, by its head and by what was asked for (RFC 9112 6.3). */
import type { HeaderList } from "../exchange.ts";
import type { BodyReader } from "./body-reader.ts";
import type { ClientExchange } from "./client-exchange.ts";
import type { ResponseHeadReader } from "./response-head.ts";

/** Lets `body` read what follows the head; gives whether the connection may serve another request behind it. */
export function beginResponseBody(
  body: BodyReader,
  { status, facts, version }: ResponseHeadReader,
  method: string,
): boolean {
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  if (bodiless) body.beginLength(0);
  else if (facts.chunked) body.beginChunked();
  else if (facts.contentLength !== -1) body.beginLength(facts.contentLength);
  else {
    body.beginUntilClose();
    return false;
  }
  return !facts.close && (version === 11 || facts.keepAlive);
}

/** What is wrong with a 1xx head, or nothing: only what was asked for may be switched to (RFC 9110 7.8). */
export function interimProblem(
  exchange: ClientExchange,
  { status, facts }: ResponseHeadReader,
  mostHeads: number,
): string {
  if (status === 101) {
    const asked = exchange.protocol.toLowerCase();
    const switched = asked !== "" && facts.upgrade.toLowerCase() === asked;
    return switched ? "" : "protocol switch that was not asked for";
  }
  exchange.interimHeads += 1;
  return exchange.interimHeads > mostHeads ? "too many interim responses" : "";
}

/** For heads that no body follows, whatever they say. */
export function withoutLength(headers: HeaderList): HeaderList {
  const rest: HeaderList = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string;
    if (name !== "content-length") rest.push(name, headers[at + 1] as string);
  }
  return rest;
}
