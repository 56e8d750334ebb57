/** Asks the API server whether a token still stands: signature, audience, and that its pod is there (TokenReview v1). */
import type { Clock } from "../../core/clock.ts";
import { seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import type { ReviewOutcome, ReviewToken } from "../authenticate.ts";
import { parseSubject } from "../token.ts";

export interface TokenReviewOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every answer, and of every time that there was none; `busy` and `paused` were not sent. */
  readonly onReview: (outcome: ReviewResult, millis: number) => void;
}

export type ReviewResult = ReviewOutcome["kind"] | "busy" | "paused";

/** A healthy API server answers in some milliseconds; a caller waits ten seconds in all. */
const reviewTimeout = seconds(2);
/** An API server that is away is asked again after so long: until then nobody waits for it. */
const pauseAfterFailure = seconds(5);
/** More than that at once is a storm, and the API server's to be spared. */
const maxInFlight = 256;

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly user?: {
      readonly username?: string;
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

export function createTokenReview(options: TokenReviewOptions): ReviewToken {
  const { client, audience, clock, log, onReview } = options;
  const state = { inFlight: 0, pausedUntil: 0, away: false };
  const fail = (error: unknown): void => {
    state.pausedUntil = clock.now() + pauseAfterFailure;
    if (!state.away) log.warn({ err: error }, "tokens cannot be reviewed by the API server");
    state.away = true;
  };
  const skip = (why: "busy" | "paused"): ReviewOutcome => {
    onReview(why, 0);
    return { kind: "unavailable" };
  };
  return async (token) => {
    if (clock.now() < state.pausedUntil) return skip("paused");
    if (state.inFlight >= maxInFlight) return skip("busy");
    state.inFlight += 1;
    const askedAt = clock.now();
    let outcome: ReviewOutcome = { kind: "unavailable" };
    try {
      outcome = readReview(await sendReview(client, token, audience), audience);
      if (state.away) log.info("tokens are reviewed by the API server again");
      state.away = false;
    } catch (error) {
      fail(error);
    } finally {
      state.inFlight -= 1;
    }
    onReview(outcome.kind, clock.now() - askedAt);
    return outcome;
  };
}

async function sendReview(
  client: TokenReviewOptions["client"],
  token: string,
  audience: string,
): Promise<TokenReview> {
  return await client.request<TokenReview>({
    method: "POST",
    path: "/apis/authentication.k8s.io/v1/tokenreviews",
    body: {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, audiences: [audience] },
    },
    timeout: reviewTimeout,
  });
}

/** An API server that knows nothing of audiences names none: it has not checked ours. */
function readReview({ status }: TokenReview, audience: string): ReviewOutcome {
  if (status?.authenticated !== true || status.audiences?.includes(audience) !== true) {
    return { kind: "denied" };
  }
  const subject = parseSubject(status.user?.username);
  if (subject === undefined) return { kind: "denied" };
  const extra = (name: string): string | undefined =>
    status.user?.extra?.[`authentication.kubernetes.io/${name}`]?.[0];
  const caller = { ...subject, podName: extra("pod-name"), podUid: extra("pod-uid") };
  return { kind: "confirmed", caller };
}
