/** A request in the words of policies. What cannot be put into them without doubt is not judged but refused. */
import { normalizeIp } from "../../core/address.ts";
import type { HeaderList, RequestHead } from "../../protocol/exchange.ts";
import { normalizePath } from "./normal-path.ts";

export interface RequestFacts {
  readonly method: string;
  /** In lower case, without port and without a dot at the end; empty where nobody asks for it. */
  readonly host: string;
  /** In normal form, without the query; empty where nobody asks for it. */
  readonly path: string;
  readonly otherReadings: readonly string[];
  readonly headers: HeaderList;
}

/** Which parts of a request the rules at hand are about. */
export interface RequestNeeds {
  readonly host: boolean;
  readonly path: boolean;
}

/** Reads one request after another into the same object, since each is judged before the next one is read. */
export class RequestReader implements RequestFacts {
  method = "";
  host = "";
  path = "";
  otherReadings: readonly string[] = [];
  headers: HeaderList = [];
  /** Why `read` gave false. */
  problem = "";
  /** What is to be forwarded as the request's target. */
  target = "";
  #lastAuthority: string | undefined;
  #lastHost = "";

  /** False when the request has more than one meaning, or none. */
  read(head: RequestHead, needs: RequestNeeds): boolean {
    this.method = head.method;
    this.headers = head.headers;
    this.target = head.path;
    return (!needs.host || this.#readHost(head)) && (!needs.path || this.#readPath(head));
  }

  #readHost(head: RequestHead): boolean {
    if (head.authority !== this.#lastAuthority) {
      const host = hostOf(head.authority);
      if (host === undefined) return this.#refuse("the host is not a plain name or address");
      this.#lastAuthority = head.authority;
      this.#lastHost = host;
    }
    this.host = this.#lastHost;
    return true;
  }

  #readPath(head: RequestHead): boolean {
    // The server as a whole (RFC 9110 7.1): no path is meant.
    if (head.path === "*" && head.method === "OPTIONS") {
      this.path = "*";
      this.otherReadings = [];
      return true;
    }
    const normal = normalizePath(head.path);
    if (normal === undefined) return this.#refuse("the path has more than one meaning, or none");
    this.path = normal.path;
    this.otherReadings = normal.otherReadings;
    this.target = normal.target;
    return true;
  }

  #refuse(problem: string): false {
    this.problem = problem;
    return false;
  }
}

const authorityPattern =
  /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._~-]*[a-z0-9_~-])\.?)(?::[0-9]{0,5})?$/;

/** Undefined for an empty authority and for one that has more than a name or an address and a port. */
export function hostOf(authority: string): string | undefined {
  const [, address, name] = authorityPattern.exec(authority.toLowerCase()) ?? [];
  return address === undefined ? name : `[${normalizeIp(address)}]`;
}
