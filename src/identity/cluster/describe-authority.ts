/** What the leader knows, in the words of `remora ca status`. Pure. */
import type { Authority } from "../authority.ts";
import type { AuthorityStatus, RootStatus } from "./authority-status.ts";
import { type JoinedRoots, joinRoots } from "./authority-steps.ts";
import type { RotationState } from "./rotation.ts";
import type { Survey } from "./survey.ts";

export interface AuthorityFacts {
  /** Wall time. */
  readonly now: number;
  readonly leader: string;
  readonly ownIssuer: boolean;
  /** Why the newest issuer is not in use. */
  readonly problem: string | undefined;
  readonly state: RotationState;
  /** Somebody asked to replace a root that is not ours to replace. */
  readonly refused: boolean;
  readonly bundle: JoinedRoots;
  /** What the Secret holds. */
  readonly issuer: Authority;
  /** PEM; empty when no root is about to come. */
  readonly nextRoots: string;
  readonly progress: { readonly namespaces: number; readonly pending: number };
  readonly survey: Survey;
}

/** A ConfigMap has at most 1 MB, and nobody reads more. */
const maxLaggards = 100;
/** Time enough to plan it. */
const rootWarning = 180 * 86_400_000;

export function describeAuthority(facts: AuthorityFacts): AuthorityStatus {
  const { state, survey, issuer, bundle } = facts;
  return {
    at: formatTime(facts.now),
    leader: facts.leader,
    phase: state.phase,
    since: state.since === 0 ? null : formatTime(state.since),
    retireAt: state.retireAt === undefined ? null : formatTime(state.retireAt),
    notes: notesOf(facts),
    origin: facts.ownIssuer ? "own" : "given",
    issuer: { fingerprint: issuer.id, notAfter: formatTime(issuer.notAfter) },
    roots: rootsOf(facts),
    bundle: bundle.hash,
    namespaces: { current: facts.progress.namespaces, pending: facts.progress.pending },
    pods: {
      total: survey.pods,
      starting: survey.starting,
      bundles: survey.bundles,
      laggards: survey.laggards.slice(0, maxLaggards),
    },
    replicas: survey.replicas,
  };
}

function rootsOf({ bundle, issuer, nextRoots }: AuthorityFacts): readonly RootStatus[] {
  const next = nextRoots === "" ? undefined : joinRoots([nextRoots]).roots[0]?.fingerprint;
  return bundle.roots.map(({ fingerprint, notAfter }) => ({
    fingerprint,
    notAfter: formatTime(notAfter),
    role: fingerprint === issuer.root ? "current" : fingerprint === next ? "next" : "old",
  }));
}

function notesOf(facts: AuthorityFacts): readonly string[] {
  const { state, problem, survey, progress, issuer, bundle, now } = facts;
  const notes: string[] = [];
  if (problem !== undefined) notes.push(`the Secret remora-issuer is not in use: ${problem}`);
  if (facts.refused) {
    notes.push("rotate was refused: the issuer is given; replace it where it comes from");
  }
  if (state.phase === "publishing") {
    const silent = survey.laggards.filter(({ bundle: hash }) => hash === null).length;
    const waiting = survey.laggards.length;
    if (waiting > 0) notes.push(`waiting for ${waiting} pods, ${silent} of them cannot be asked`);
    if (progress.pending > 0) notes.push(`waiting for ${progress.pending} namespaces`);
  }
  if (state.phase === "switching") {
    const behind = survey.replicas.filter((replica) => replica.issuer !== issuer.id);
    if (behind.length > 0) {
      notes.push(`waiting for replicas: ${behind.map(({ pod }) => pod).join(", ")}`);
    }
  }
  const root = bundle.roots.find(({ fingerprint }) => fingerprint === issuer.root);
  if (root !== undefined && root.notAfter - now < rootWarning) {
    notes.push(`the root ends on ${formatTime(root.notAfter)}: run remora ca rotate`);
  }
  if (issuer.notAfter <= now) notes.push("the issuer has ended: no certificates are issued");
  return notes;
}

/** ISO 8601, to the second. */
function formatTime(wallTime: number): string {
  return `${new Date(wallTime).toISOString().slice(0, 19)}Z`;
}
