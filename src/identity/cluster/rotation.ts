/**
 * How a root is replaced. Pure: what is so, and what was asked, in; the next state out. The state is kept in the cluster,
 * so a leader that dies is followed by one that goes on at the same place.
 *
 *           asked               all know the new root          all replicas issue under it
 *   idle ──────────▶ publishing ─────────────────────▶ switching ───────────────────────▶ retiring
 *    ▲                                                                                       │
 *    └─────────────────────────── the last leaf under the old root has ended ────────────────┘
 */

export type RotationPhase = "idle" | "publishing" | "switching" | "retiring";

export interface RotationState {
  readonly phase: RotationPhase;
  /** Wall time at which the phase began. */
  readonly since: number;
  /** The last request that was acted on, or refused. */
  readonly handled: string;
  /** Goes on although pods do not know the new root: they lose the mesh until they do. */
  readonly force: boolean;
  /** Wall time at which the old root goes; known in `retiring`. */
  readonly retireAt: number | undefined;
  /** When the last leaf of each issuer ends, by its fingerprint; kept here because replicas forget. */
  readonly latestEnds: Readonly<Record<string, number>>;
}

export interface RotationRequest {
  readonly id: string;
  readonly force: boolean;
}

export interface RotationFacts {
  /** Wall time. */
  readonly now: number;
  readonly request: RotationRequest | undefined;
  /** The root's key is ours. */
  readonly canRotate: boolean;
  /** Fingerprint of what issues now. */
  readonly issuer: string;
  /** The bundle with the new root is in every namespace, and every sidecar and program has it in force. */
  readonly allKnowNewRoot: boolean;
  /** Every replica of identity issues under the new root. */
  readonly allIssueUnderNewRoot: boolean;
  /** What a leaf lasts that asks for nothing: some are out that nobody counted. */
  readonly leafLifetime: number;
}

export const idleRotation: RotationState = {
  phase: "idle",
  since: 0,
  handled: "",
  force: false,
  retireAt: undefined,
  latestEnds: {},
};

/** The same object when nothing is to change. One step at a time: each is stored before it is acted on. */
export function nextRotation(before: RotationState, facts: RotationFacts): RotationState {
  const state = takeRequest(before, facts);
  const enter = (phase: RotationPhase, more: Partial<RotationState> = {}): RotationState => ({
    ...state,
    ...more,
    phase,
    since: facts.now,
  });
  switch (state.phase) {
    case "idle":
      return state;
    case "publishing":
      return facts.allKnowNewRoot || state.force ? enter("switching") : state;
    case "switching":
      if (!facts.allIssueUnderNewRoot) return state;
      return enter("retiring", { retireAt: retirementOf(state, facts) });
    case "retiring":
      if (state.retireAt === undefined || facts.now < state.retireAt) return state;
      return enter("idle", { retireAt: undefined, force: false });
  }
}

/** A request while another runs can only add force to it. */
function takeRequest(state: RotationState, facts: RotationFacts): RotationState {
  const { request } = facts;
  if (request === undefined || request.id === state.handled) return state;
  const handled = request.id;
  if (state.phase !== "idle") return { ...state, handled, force: state.force || request.force };
  if (!facts.canRotate) return { ...state, handled };
  return { ...state, handled, force: request.force, phase: "publishing", since: facts.now };
}

function retirementOf(state: RotationState, facts: RotationFacts): number {
  // The old root may have had several issuers, one after another.
  const ends = Object.entries(state.latestEnds).filter(([id]) => id !== facts.issuer);
  return Math.max(facts.now + facts.leafLifetime, ...ends.map(([, end]) => end));
}

/** Remembers when the last leaves end that replicas tell of, and forgets those that have ended. */
export function recordEnds(
  state: RotationState,
  told: Readonly<Record<string, number>>,
  now: number,
): RotationState {
  const later = Object.entries(told).filter(([id, end]) => end > (state.latestEnds[id] ?? now));
  if (later.length === 0) return state;
  const ends = Object.entries({ ...state.latestEnds, ...Object.fromEntries(later) });
  return { ...state, latestEnds: Object.fromEntries(ends.filter(([, end]) => end > now)) };
}
