/**
 * Byte gear. Reads the header lines of a head, up to the empty line, and remembers them.
 *
 * A keep-alive peer repeats almost every line. The block that equals the one before costs one comparison; in another
 * block each line that stands at the same place with the same bytes is taken over with its checked strings.
 */
import { type Fault, needMore, refused } from "./fault.ts";
import { collectHeaderFacts, type HeaderFacts } from "./header-facts.ts";
import { type HeaderLine, parseHeaderLine } from "./header-line.ts";
import { ordinaryName } from "./header-names.ts";
import { latin1Slice } from "./latin1.ts";

/** Larger heads are read but not remembered: an idle connection should not keep them. */
const rememberedBytes = 4_096;
/** A remembered line can keep its whole head alive, so these two bound what an idle connection costs. */
const rememberedLines = 32;
/** Most heads end within it; a longer one is looked for in steps four times as long. */
const firstLook = 1_024;

export class HeaderBlock {
  fault: Fault | undefined;
  facts: HeaderFacts = collectHeaderFacts([]) as HeaderFacts;
  readonly #maxLines: number;
  #remembered = "";
  #lines: HeaderLine[] = [];

  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  /** Gives the position behind the empty line, `needMore` or `refused`; `facts` are those of the newest block. */
  read(buffer: Buffer, from: number, to: number): number {
    // An empty block; what follows it may well look like the end of a longer one.
    if (to - from >= 2 && buffer[from] === 0x0d && buffer[from + 1] === 0x0a) {
      return this.#parse("\r\n", from + 2);
    }
    const length = this.#remembered.length;
    const last = from + length - 1;
    if (length > 0 && last < to && buffer[last] === 0x0a && buffer[last - 2] === 0x0a) {
      const text = latin1Slice(buffer, from, last + 1);
      if (text === this.#remembered) return last + 1;
      if (text.indexOf("\r\n\r\n") === length - 4) return this.#parse(text, last + 1);
    }
    return this.#readNew(buffer, from, to);
  }

  #readNew(buffer: Buffer, from: number, to: number): number {
    for (let look = firstLook; ; look *= 4) {
      const until = Math.min(to, from + look);
      const text = latin1Slice(buffer, from, until);
      const end = text.indexOf("\r\n\r\n");
      if (end !== -1) {
        const next = from + end + 4;
        return this.#parse(next === until ? text : latin1Slice(buffer, from, next), next);
      }
      if (until === to) return needMore;
    }
  }

  #parse(text: string, next: number): number {
    const lines = this.#lines;
    const last = text.length - 2;
    const slots = this.facts.slots;
    let isSame = true;
    let count = 0;
    for (let at = 0; at < last; count += 1) {
      const old = lines[count];
      if (old !== undefined && text.slice(at, at + old.text.length) === old.text) {
        at += old.text.length;
        continue;
      }
      if (count === this.#maxLines) return this.#refuse(431, "too many header lines");
      const line = parseHeaderLine(text, at, old);
      if (typeof line === "string") return this.#refuse(400, line);
      at += line.text.length;
      lines[count] = line;
      const slot = slots[count];
      // Another value under the same name: the facts of the head before hold, but for this one value.
      if (slot !== undefined && line.name === old?.name && line.name.kind === ordinaryName) {
        this.facts.headers[slot + 1] = line.value;
      } else isSame = false;
    }
    if (!isSame || count !== lines.length || slots.length !== count) {
      lines.length = count;
      const facts = collectHeaderFacts(lines);
      if (typeof facts === "string") return this.#refuse(400, facts);
      this.facts = facts;
    }
    this.#remember(text);
    return next;
  }

  #remember(text: string): void {
    const keep = text.length <= rememberedBytes && this.#lines.length <= rememberedLines;
    this.#remembered = keep ? text : "";
    if (keep) return;
    this.#lines = [];
    this.facts.slots = [];
    // V8's substrings keep the whole text alive; whoever stores one of these values must not store 64 KiB.
    const headers = this.facts.headers;
    for (let at = 1; at < headers.length; at += 2) headers[at] = copyText(headers[at] ?? "");
  }

  #refuse(status: number, detail: string): number {
    this.fault = { status, detail };
    this.#lines = [];
    this.facts.slots = [];
    this.#remembered = "";
    return refused;
  }
}

function copyText(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
