/** Byte gear. The first line of a request: `method SP target SP HTTP/1.x CRLF`, single spaces only (RFC 9112 3). */
import { isTargetByte, isTokenByte } from "./characters.ts";
import { badMessage, type Fault, needMore, refused } from "./fault.ts";
import { latin1Slice } from "./latin1.ts";

const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
/** Registered methods are short; a longer first word is another protocol. */
const longestMethod = 32;
const versionLength = "HTTP/1.1\r\n".length;

export class RequestLine {
  fault: Fault | undefined;
  method = "";
  target = "";
  /** 10 or 11. */
  version = 0;
  readonly #maxTarget: number;

  constructor(maxTarget: number) {
    this.#maxTarget = maxTarget;
  }

  /** Gives the position behind the line, `needMore` or `refused`. */
  read(buffer: Buffer, from: number, to: number): number {
    const methodEnd = this.#findMethodEnd(buffer, from, to);
    if (methodEnd < 0) return methodEnd;
    let at = methodEnd + 1;
    const targetLimit = at + this.#maxTarget;
    while (at < to && isTargetByte[buffer[at] as number] === 1) at += 1;
    if (at > targetLimit) return this.#refuse({ status: 414, detail: "request target too long" });
    if (at === to) return needMore;
    if (buffer[at] !== space) {
      return this.#refuse(badMessage("request target with a character that is not allowed"));
    }
    if (at === methodEnd + 1) return this.#refuse(badMessage("empty request target"));
    const next = this.#readVersion(buffer, at + 1, to);
    if (next < 0) return next;
    this.method = methodText(buffer, from, methodEnd);
    this.target = latin1Slice(buffer, methodEnd + 1, at);
    return next;
  }

  #findMethodEnd(buffer: Buffer, from: number, to: number): number {
    const limit = Math.min(to, from + longestMethod + 1);
    let at = from;
    while (at < limit && isTokenByte[buffer[at] as number] === 1) at += 1;
    if (at === to && at - from <= longestMethod) return needMore;
    const isMethod = at > from && at - from <= longestMethod;
    if (!isMethod || buffer[at] !== space) return this.#refuse(badMessage("not a method"));
    return at;
  }

  #readVersion(buffer: Buffer, at: number, to: number): number {
    const available = Math.min(versionLength, to - at);
    if (available < versionLength) {
      return mayBecomeVersion(latin1Slice(buffer, at, at + available))
        ? needMore
        : this.#refuse(badMessage("request line without HTTP version"));
    }
    const minor = buffer[at + 7];
    const isHttp1 = isHttp1Prefix(buffer, at) && (minor === 0x30 || minor === 0x31);
    if (!isHttp1 || buffer[at + 8] !== cr || buffer[at + 9] !== lf) {
      return this.#refuse(describeVersion(latin1Slice(buffer, at, at + versionLength)));
    }
    this.version = minor === 0x31 ? 11 : 10;
    return at + versionLength;
  }

  #refuse(fault: Fault): number {
    this.fault = fault;
    return refused;
  }
}

/** Whether `HTTP/1.` stands there. */
export function isHttp1Prefix(buffer: Buffer, at: number): boolean {
  return (
    buffer[at] === 0x48 &&
    buffer[at + 1] === 0x54 &&
    buffer[at + 2] === 0x54 &&
    buffer[at + 3] === 0x50 &&
    buffer[at + 4] === 0x2f &&
    buffer[at + 5] === 0x31 &&
    buffer[at + 6] === 0x2e
  );
}

/** Whether the text is a proper beginning of `HTTP/d.d CRLF`. */
function mayBecomeVersion(text: string): boolean {
  return text.replace(/[0-9]/g, "1") === "HTTP/1.1\r\n".slice(0, text.length);
}

/** A well-formed other version is 505 (RFC 9110 15.6.6); anything else is no request line at all. */
function describeVersion(text: string): Fault {
  return /^HTTP\/[0-9]\.[0-9]\r\n$/.test(text)
    ? { status: 505, detail: "HTTP version other than 1.0 and 1.1" }
    : badMessage("request line that does not end in an HTTP version");
}

function methodText(buffer: Buffer, from: number, to: number): string {
  const first = buffer[from];
  const length = to - from;
  if (first === 0x47 && length === 3 && buffer[from + 1] === 0x45 && buffer[from + 2] === 0x54) {
    return "GET";
  }
  return latin1Slice(buffer, from, to);
}
