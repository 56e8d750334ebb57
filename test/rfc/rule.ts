/** One MUST of RFC 9110 or 9112 that binds a proxy, with the conversation that shows whether it is kept. */
import type { Script } from "./conversation.ts";

export interface Rule {
  /** Such as `9112 6.3`. */
  readonly section: string;
  /** In our own words. */
  readonly rule: string;
  readonly script: Script;
  /** All that the application read must match it; `nothing`: it was never reached. */
  readonly app?: RegExp | "nothing";
  readonly notApp?: RegExp;
  /** All that the client read. */
  readonly client?: RegExp;
  readonly notClient?: RegExp;
  /** How many connections the application saw. */
  readonly appConnections?: number;
  /** The rule is not kept, on purpose; the conversation then shows what is done instead. */
  readonly deviation?: string;
}

/** A GET with these header lines, and the Host that it needs. */
export function get(lines = "", target = "/", version = "1.1"): string {
  return `GET ${target} HTTP/${version}\r\nHost: app.test\r\n${lines}\r\n`;
}

export function post(lines: string, body: string): string {
  return `POST / HTTP/1.1\r\nHost: app.test\r\n${lines}\r\n${body}`;
}

/** An answer of the application. */
export function answer(lines: string, body = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\n${lines}\r\n${body}`;
}

export const bad: RegExp = /^HTTP\/1\.1 400 /;
export const badGateway: RegExp = /^HTTP\/1\.1 502 /;
