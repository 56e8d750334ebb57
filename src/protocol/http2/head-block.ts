/** Byte gear. Gathers the fields of one header block and makes the head that an exchange knows (RFC 9113 8.2, 8.3). */
import type { HeaderList, RequestHead, ResponseHead } from "../exchange.ts";
import {
  kindAuthority,
  kindContentLength,
  kindCookie,
  kindHost,
  kindMalformed,
  kindMethod,
  kindPath,
  kindProtocol,
  kindRegular,
  kindScheme,
  lastPseudoKind,
} from "./fields.ts";
import type { FieldSink } from "./hpack/decoder.ts";
import { ENTRY_OVERHEAD } from "./hpack/static-table.ts";
import type { Http2Limits } from "./limits.ts";

/** One per connection, used for each block in turn. An absent pseudo-header field is empty: none may be empty. */
export class HeadBlock implements FieldSink {
  /** What makes the message malformed, or empty. */
  problem = "";
  /** The list went beyond a limit; fields after that were dropped. */
  tooLarge = false;
  /** The value of content-length, or -1. */
  contentLength = -1;
  headers: HeaderList = [];
  status = "";
  #method = "";
  #scheme = "";
  #authority = "";
  #path = "";
  #protocol = "";
  #host = "";
  #cookieAt = -1;
  /** Of the list as it will be stored (RFC 9113 6.5.2). */
  size = 0;
  #fields = 0;
  #regularSeen = false;
  readonly #maxSize: number;
  readonly #maxFields: number;

  constructor(limits: Http2Limits) {
    this.#maxSize = limits.headerListSize;
    this.#maxFields = limits.headerFields;
  }

  /** Forgets the last block. */
  begin(): void {
    this.problem = "";
    this.tooLarge = false;
    this.contentLength = -1;
    this.headers = [];
    this.status = "";
    this.#method = "";
    this.#scheme = "";
    this.#authority = "";
    this.#path = "";
    this.#protocol = "";
    this.#host = "";
    this.#cookieAt = -1;
    this.size = 0;
    this.#fields = 0;
    this.#regularSeen = false;
  }

  field(name: string, value: string, kind: number): void {
    this.size += name.length + value.length + ENTRY_OVERHEAD;
    this.#fields += 1;
    if (this.size > this.#maxSize || this.#fields > this.#maxFields) {
      this.tooLarge = true;
      return;
    }
    if (kind === kindRegular) {
      this.#regularSeen = true;
      this.headers.push(name, value);
    } else if (kind <= lastPseudoKind) {
      if (this.#regularSeen) this.problem = `${name} after a regular field`;
      this.#pseudo(name, value, kind);
    } else {
      this.#regularSeen = true;
      this.#special(name, value, kind);
    }
  }

  /** The head of a request, or undefined with `problem` set. */
  requestHead(extendedConnect: boolean): RequestHead | undefined {
    this.#checkRequest(extendedConnect);
    if (this.problem !== "") return undefined;
    const upgrade = this.#protocol !== "";
    return {
      method: upgrade ? "GET" : this.#method,
      scheme: this.#scheme,
      authority: this.#authority,
      path: this.#path,
      protocol: this.#protocol,
      headers: this.headers,
      version: 20,
    };
  }

  /** The head of a response, or undefined with `problem` set. */
  responseHead(): ResponseHead | undefined {
    if (this.status === "") this.problem ||= "no :status";
    if (this.#hasRequestFields()) this.problem ||= "request pseudo-header field in a response";
    // RFC 9113 8.6: there is no Upgrade, so nothing to switch to.
    if (this.status === "101") this.problem ||= "status 101";
    if (this.problem !== "") return undefined;
    return { status: Number(this.status), headers: this.headers };
  }

  /** The trailers, or undefined with `problem` set. */
  trailers(): HeaderList | undefined {
    if (this.status !== "" || this.#hasRequestFields()) {
      this.problem ||= "pseudo-header field in trailers";
    }
    // RFC 9110 6.5.1: fields that frame or route a message cannot come after it.
    if (this.contentLength >= 0 || this.#host !== "") this.problem ||= "framing field in trailers";
    return this.problem === "" ? this.headers : undefined;
  }

  #pseudo(name: string, value: string, kind: number): void {
    let before: string;
    switch (kind) {
      case kindMethod:
        before = this.#method;
        this.#method = value;
        break;
      case kindScheme:
        before = this.#scheme;
        this.#scheme = value;
        break;
      case kindAuthority:
        before = this.#authority;
        this.#authority = value;
        break;
      case kindPath:
        before = this.#path;
        this.#path = value;
        break;
      case kindProtocol:
        before = this.#protocol;
        this.#protocol = value;
        break;
      default:
        before = this.status;
        this.status = value;
    }
    if (before !== "") this.problem = `two fields ${name}`;
  }

  #special(name: string, value: string, kind: number): void {
    switch (kind) {
      case kindCookie:
        // RFC 9113 8.2.3: crumbs are one field everywhere else.
        if (this.#cookieAt < 0) {
          this.#cookieAt = this.headers.push(name, value) - 1;
        } else {
          this.headers[this.#cookieAt] += `; ${value}`;
        }
        break;
      case kindHost:
        if (this.#host !== "") this.problem = "two fields host";
        this.#host = value;
        break;
      case kindContentLength:
        if (this.contentLength >= 0) this.problem = "two fields content-length";
        this.contentLength = Number(value);
        this.headers.push(name, value);
        break;
      case kindMalformed:
        this.problem = `malformed or forbidden field ${JSON.stringify(name.slice(0, 64))}`;
        break;
      default:
        this.problem = `field ${name} of an unknown kind`;
    }
  }

  #checkRequest(extendedConnect: boolean): void {
    if (this.#host !== "") this.#foldHost();
    const connect = this.#method === "CONNECT";
    if (this.#method === "") this.problem ||= "no :method";
    if (this.#authority === "") this.problem ||= "no :authority and no host";
    if (this.status !== "") this.problem ||= ":status in a request";
    if (this.#protocol !== "" && !(connect && extendedConnect))
      this.problem ||= "unexpected :protocol";
    if (connect && this.#protocol === "") {
      // RFC 9113 8.5.
      if (this.#scheme !== "" || this.#path !== "")
        this.problem ||= "CONNECT with :scheme or :path";
      return;
    }
    if (this.#scheme === "") this.problem ||= "no :scheme";
    if (this.#path === "") this.problem ||= "no :path";
    if (this.#path === "*" && this.#method !== "OPTIONS")
      this.problem ||= ":path * without OPTIONS";
  }

  /** RFC 9113 8.3.1: the authority is one, wherever it stands; a second opinion is an attack. */
  #foldHost(): void {
    if (this.#authority === "") {
      this.#authority = this.#host;
    } else if (this.#authority !== this.#host) {
      if (this.#authority.toLowerCase() !== this.#host.toLowerCase()) {
        this.problem ||= "host differs from :authority";
      }
    }
  }

  #hasRequestFields(): boolean {
    return (
      this.#method !== "" ||
      this.#scheme !== "" ||
      this.#authority !== "" ||
      this.#path !== "" ||
      this.#protocol !== ""
    );
  }
}
