/** The rules that are left for one client and port, found by a request's path, host or method. */
import type { StringMatch } from "../../api/authorization.ts";
import type { RequestRule } from "./compile.ts";
import {
  type Caution,
  type RequestPredicate,
  requestPredicate,
  withFolders,
} from "./match-request.ts";
import { PrefixTree } from "./prefix-tree.ts";
import type { RequestFacts, RequestNeeds } from "./request-facts.ts";

export interface RequestIndex {
  readonly needs: RequestNeeds;
  /** The name of a policy of which a rule matches. */
  find(request: RequestFacts): string | undefined;
}

/** A rule; its predicate is made when a request first comes near it, since most rules never see one. */
class Candidate {
  readonly rule: RequestRule;
  readonly #caution: Caution;
  #predicate: RequestPredicate | undefined;

  constructor(rule: RequestRule, caution: Caution) {
    this.rule = rule;
    this.#caution = caution;
  }

  matches(request: RequestFacts): boolean {
    this.#predicate ??= requestPredicate(this.rule.request, this.#caution);
    return this.#predicate(request);
  }
}

export function indexRequestRules(rules: readonly RequestRule[], caution: Caution): RequestIndex {
  return new Index(rules, caution);
}

class Index implements RequestIndex {
  readonly needs: RequestNeeds;
  readonly #paths = new PrefixTree<Candidate>();
  readonly #hosts = new Map<string, Candidate[]>();
  readonly #methods = new Map<string, Candidate[]>();
  readonly #rest: Candidate[] = [];

  constructor(rules: readonly RequestRule[], caution: Caution) {
    for (const rule of rules) {
      const candidate = new Candidate(rule, caution);
      const { paths, hosts, methods } = rule.request;
      if (isKey(paths, "prefix")) {
        for (const path of caution === "deny" ? withFolders(paths) : paths) {
          if (path.kind === "exact") this.#paths.addExact(path.text, candidate);
          else if (path.kind === "prefix") this.#paths.addPrefix(path.text, candidate);
        }
      } else if (isKey(hosts, "exact")) {
        for (const host of hosts) if (host.kind === "exact") add(this.#hosts, host.text, candidate);
      } else if (methods.length > 0) {
        for (const method of methods) add(this.#methods, method, candidate);
      } else this.#rest.push(candidate);
    }
    this.needs = {
      host: rules.some(({ request }) => request.hosts.length + request.notHosts.length > 0),
      path: rules.some(({ request }) => request.paths.length + request.notPaths.length > 0),
    };
  }

  find(request: RequestFacts): string | undefined {
    const found =
      this.#byPath(request) ??
      firstMatch(this.#hosts.get(request.host), request) ??
      firstMatch(this.#methods.get(request.method), request) ??
      firstMatch(this.#rest, request);
    return found?.rule.policy;
  }

  /** A rule that matches all readings of a path is found by the first of them as well. */
  #byPath(request: RequestFacts): Candidate | undefined {
    const found = this.#paths.find(request.path, accepts, request);
    if (found !== undefined) return found;
    for (const reading of request.otherReadings) {
      const other = this.#paths.find(reading, accepts, request);
      if (other !== undefined) return other;
    }
    return undefined;
  }
}

function accepts(candidate: Candidate, request: RequestFacts): boolean {
  return candidate.matches(request);
}

function firstMatch(
  candidates: readonly Candidate[] | undefined,
  request: RequestFacts,
): Candidate | undefined {
  if (candidates === undefined) return undefined;
  for (const candidate of candidates) if (candidate.matches(request)) return candidate;
  return undefined;
}

/** Whether every one of the values can be looked up. */
function isKey(values: readonly StringMatch[], widest: "exact" | "prefix"): boolean {
  return values.length > 0 && values.every(({ kind }) => kind === "exact" || kind === widest);
}

function add(table: Map<string, Candidate[]>, key: string, candidate: Candidate): void {
  const known = table.get(key);
  if (known === undefined) table.set(key, [candidate]);
  else known.push(candidate);
}
