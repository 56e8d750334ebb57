/** One request to the authority: authenticated first, so that nobody without a token learns anything else. */
import type { Clock } from "../core/clock.ts";
import type { Watch } from "../core/watch.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Authority } from "./authority.ts";
import {
  type IssuePolicy,
  type IssueRequest,
  type IssueResult,
  issueCertificate,
  refuse,
} from "./issue.ts";

export interface CertificateRequest extends IssueRequest {
  /** Values of the `authorization` header. */
  readonly authorization: readonly string[];
}

export interface AnswerOptions {
  readonly authenticate: Authenticate;
  readonly policy: IssuePolicy;
  readonly authority: Watch<Authority>;
  readonly clock: Clock;
}

/** The authority and the time are those after the token was checked. */
export function createAnswer(
  options: AnswerOptions,
): (request: CertificateRequest) => Promise<IssueResult> {
  const { authenticate, policy, authority, clock } = options;
  return async (request) => {
    const verdict = await authenticate(request.authorization);
    if (verdict.kind === "rejected") return refuse(verdict.reason, undefined);
    return issueCertificate(request, verdict.caller, policy, authority.current(), clock.wallTime());
  };
}
