/**
 * What failed: every failure is counted in `remora_errors_total`, and the latest are kept for whoever asks why. Those that are
 * alike are one, with how often and when, so that a storm of one kind does not wash away the rest.
 */
import type { FailureReport } from "../../api/sidecar-pages.ts";
import type { ErrorCode } from "../../core/mesh-error.ts";
import type { SeriesFamily } from "../../core/metrics.ts";
import type { AccessEntry } from "./access-log.ts";

/**
 * Kinds of failures. Default 64: as many as a person reads, about a kilobyte each. Of the code that has the most of them the one
 * that was not seen for longest goes: a stranger who fails in ever new ways washes away his own.
 */
export const failuresKept = 64;
/** Characters of a text that came from outside, such as a path of 64 KiB. */
export const failureTextLength = 256;

/** An exchange or a connection that failed; of one that failed early less is known. */
export type Failure = Pick<AccessEntry, "direction" | "client" | "peer" | "service" | "detail"> & {
  readonly error: ErrorCode;
} & { readonly [K in Known]?: AccessEntry[K] | undefined };

type Known = "protocol" | "upstream" | "method" | "authority" | "path" | "policy";

interface Kind {
  readonly example: Failure;
  readonly first: number;
  last: number;
  count: number;
}

export class RecentFailures {
  readonly #errors: SeriesFamily;
  readonly #now: () => number;
  /** The newest is the last. */
  readonly #kinds: Kind[] = [];

  /** `errors` is the family of `remora_errors_total`, and `now` gives milliseconds since 1970. */
  constructor(errors: SeriesFamily, now: () => number = Date.now) {
    this.#errors = errors;
    this.#now = now;
  }

  /** The one way to count a failure, so that nothing is counted which is not told. */
  add(failure: Failure): void {
    this.#errors.series(failure.error).value += 1;
    const last = this.#now();
    const detail = cut(failure.detail);
    const index = this.#kinds.findLastIndex(
      ({ example }) => example.detail === detail && isAlike(example, failure),
    );
    const [known] = index < 0 ? [] : this.#kinds.splice(index, 1);
    const kind = known ?? { example: keep(failure), first: last, last, count: 0 };
    kind.last = last;
    kind.count += 1;
    this.#kinds.push(kind);
    if (this.#kinds.length > failuresKept) this.#kinds.splice(this.#leastMissed(), 1);
  }

  /** The oldest kind of the code, on its side, that has the most. */
  #leastMissed(): number {
    const counts = new Map<string, number>();
    let most = 0;
    for (const { example } of this.#kinds) {
      const count = (counts.get(groupOf(example)) ?? 0) + 1;
      counts.set(groupOf(example), count);
      most = Math.max(most, count);
    }
    return this.#kinds.findIndex(({ example }) => counts.get(groupOf(example)) === most);
  }

  /** The newest first. */
  list(): readonly FailureReport[] {
    return this.#kinds.toReversed().map(({ example, first, last, count }) => ({
      ...example,
      first: new Date(first).toISOString(),
      last: new Date(last).toISOString(),
      count,
    }));
  }
}

function groupOf({ direction, error }: Failure): string {
  return `${direction} ${error}`;
}

/** But for what each of them says by itself. */
function isAlike(a: Failure, b: Failure): boolean {
  return (
    a.error === b.error &&
    a.direction === b.direction &&
    a.service === b.service &&
    a.peer === b.peer &&
    a.policy === b.policy
  );
}

/** The fields that are told, in copies: a string that is a part of another one keeps all of it in memory. */
function keep(failure: Failure): Failure {
  const { direction, error, client, peer, service, protocol, upstream, policy } = failure;
  const { method, authority, path, detail } = failure;
  return {
    direction,
    error,
    client,
    peer,
    service,
    protocol,
    upstream,
    policy,
    method: copy(cut(method)),
    authority: copy(cut(authority)),
    path: copy(cut(path)),
    detail: copy(cut(detail)),
  };
}

function cut(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= failureTextLength) return text;
  return `${text.slice(0, failureTextLength)}…`;
}

function copy(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString();
}
