/** Byte gear. A request head from bytes, with everything that RFC 9112 3 and 6 say about it checked. */
import type { RequestHead } from "../exchange.ts";
import { isAuthority, isAuthorityWithPort } from "./authority.ts";
import { badMessage, type Fault, needMore, refused } from "./fault.ts";
import { HeadScanner } from "./head-scanner.ts";
import { HeaderBlock } from "./header-block.ts";
import type { HeaderFacts } from "./header-facts.ts";
import type { Http1Limits } from "./limits.ts";
import { RequestLine } from "./request-line.ts";

export class RequestHeadReader {
  fault: Fault | undefined;
  /** The head that `read` found, belonging to the caller. */
  head: RequestHead | undefined;
  /** -1 where the body is not framed by length; 0 means that there is none. */
  contentLength = 0;
  chunked = false;
  keepAlive = true;
  expectsContinue = false;
  readonly #line: RequestLine;
  readonly #block: HeaderBlock;
  readonly #scanner = new HeadScanner();
  readonly #maxHead: number;
  #checkedHost: string | undefined;

  constructor(limits: Http1Limits) {
    this.#line = new RequestLine(limits.targetBytes);
    this.#block = new HeaderBlock(limits.headerLines);
    this.#maxHead = limits.headBytes;
  }

  /** Gives the position behind the head, `needMore` or `refused`; called again with more from the same `from`. */
  read(buffer: Buffer, from: number, to: number): number {
    const scanner = this.#scanner;
    if (scanner.scanned > 0 && !scanner.findEnd(buffer, from, to)) {
      return this.#stillIncomplete(buffer, from, to);
    }
    const lineEnd = this.#line.read(buffer, from, to);
    if (lineEnd === refused) return this.#refuse(this.#line.fault);
    const end = lineEnd === needMore ? needMore : this.#block.read(buffer, lineEnd, to);
    if (end === refused) return this.#refuse(this.#block.fault);
    if (end === needMore) {
      if (scanner.scanned === 0) scanner.findEnd(buffer, from, to);
      return this.#stillIncomplete(buffer, from, to);
    }
    scanner.reset();
    if (end - from > this.#maxHead) return this.#refuse(headTooLarge);
    const fault = this.#interpret(this.#block.facts);
    return fault === undefined ? end : this.#refuse(fault);
  }

  #stillIncomplete(buffer: Buffer, from: number, to: number): number {
    const scanner = this.#scanner;
    if (scanner.fault !== undefined) return this.#refuse(scanner.fault);
    if (!scanner.sawLine && this.#line.read(buffer, from, to) === refused) {
      return this.#refuse(this.#line.fault);
    }
    return to - from > this.#maxHead ? this.#refuse(headTooLarge) : needMore;
  }

  #interpret(facts: HeaderFacts): Fault | undefined {
    const { method, target, version } = this.#line;
    if (facts.chunked && version === 10) return badMessage("transfer-encoding in HTTP/1.0");
    const host = facts.host;
    if (host === undefined) {
      if (version === 11) return badMessage("no host header");
    } else if (host !== this.#checkedHost) {
      if (!isAuthority(host)) return badMessage("host header that is not host and port");
      this.#checkedHost = host;
    }
    const head: RequestHead = {
      method,
      scheme: "http",
      authority: host ?? "",
      path: target,
      protocol: "",
      headers: facts.headers.slice(),
      version,
    };
    if (target.charCodeAt(0) !== 0x2f || method === "CONNECT") {
      const fault = applyTarget(head, target);
      if (fault !== undefined) return fault;
    }
    this.chunked = facts.chunked;
    this.contentLength = facts.chunked ? -1 : Math.max(0, facts.contentLength);
    const hasBody = this.contentLength !== 0;
    if (hasBody && method === "TRACE") return badMessage("TRACE with content");
    if (hasBody && method === "CONNECT") return badMessage("CONNECT with content");
    if (method === "GET" && facts.upgrade !== "" && version === 11 && !hasBody) {
      head.protocol = facts.upgrade;
    }
    this.keepAlive = !facts.close && (version === 11 || facts.keepAlive);
    this.expectsContinue = facts.expectsContinue && version === 11 && hasBody;
    this.head = head;
    return undefined;
  }

  #refuse(fault: Fault | undefined): number {
    this.fault = fault;
    this.#scanner.reset();
    return refused;
  }
}

const headTooLarge: Fault = { status: 431, detail: "request head too large" };

/** Absolute, authority and asterisk form (RFC 9112 3.2.2 to 3.2.4). The authority of the target wins over Host. */
function applyTarget(head: RequestHead, target: string): Fault | undefined {
  if (head.method === "CONNECT") {
    if (!isAuthorityWithPort(target)) return badMessage("CONNECT target that is not host and port");
    head.authority = target;
    head.path = "";
    head.scheme = "";
    return undefined;
  }
  if (target === "*") {
    return head.method === "OPTIONS" ? undefined : badMessage("asterisk target without OPTIONS");
  }
  const match = /^(https?):\/\/([^/?]+)([/?].*)?$/i.exec(target);
  if (match === null) return badMessage("request target of an unknown form");
  const [, scheme = "", authority = "", rest] = match;
  if (!isAuthority(authority)) return badMessage("request target with a bad authority");
  head.scheme = scheme.toLowerCase();
  head.authority = authority;
  if (rest === undefined) head.path = head.method === "OPTIONS" ? "*" : "/";
  else head.path = rest.startsWith("?") ? `/${rest}` : rest;
  return undefined;
}
