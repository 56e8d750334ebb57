/**
 * When a certificate is asked for. Pure: events and times in, the next state out.
 *
 *                  failed                     due
 *   requesting ──────────────▶ backing-off ─────────▶ requesting
 *       │                                                 ▲
 *       └── issued ──▶ resting ───────────── due ─────────┘
 *
 * A held certificate is used until it ends, whatever happens to its renewal.
 */
import { backoffDelay } from "../core/backoff.ts";
import { type Millis, millis, seconds } from "../core/duration.ts";
import type { WorkloadCertificate } from "./workload-certificate.ts";

export type RenewalState =
  | { readonly kind: "requesting"; readonly attempt: number }
  | { readonly kind: "backing-off"; readonly attempt: number; readonly due: Due }
  | { readonly kind: "resting"; readonly due: Due };

/**
 * A moment on both clocks; whichever reaches it first counts. Timers do not run while a machine sleeps, and wall time
 * jumps: a certificate must be renewed in time after either.
 */
export interface Due {
  readonly monotonic: number;
  readonly wall: number;
}

export interface Times {
  readonly monotonic: number;
  readonly wall: number;
}

/** The first failure is most often a control plane that starts at the same moment. */
const retryBase = millis(500);
const retryMax = seconds(30);
/** However short a certificate lives, the authority is not asked more often. */
const minRest = 1_000;

export function initialRenewal(): RenewalState {
  return { kind: "requesting", attempt: 0 };
}

/**
 * Rests for 40 to 50 % of what is left now, not of the certificate's whole life: it is back-dated, and the clocks of
 * issuer and holder differ. The spread keeps pods that started together from asking together.
 */
export function afterIssue(
  certificate: WorkloadCertificate,
  now: Times,
  random: () => number,
): RenewalState {
  const left = certificate.notAfter - now.wall;
  return { kind: "resting", due: later(now, Math.max(minRest, left * (0.5 - 0.1 * random()))) };
}

/** `held` is what is still served; a short-lived one is worth asking more often for. */
export function afterFailure(
  attempt: number,
  held: WorkloadCertificate | undefined,
  now: Times,
  random: () => number,
): RenewalState {
  const left = held === undefined ? Number.POSITIVE_INFINITY : held.notAfter - now.wall;
  const max = Math.min(retryMax, Math.max(retryBase, left / 10)) as Millis;
  const delay = backoffDelay({ base: retryBase, max }, attempt, random);
  return { kind: "backing-off", attempt: attempt + 1, due: later(now, delay) };
}

/** The state after time has passed: the same object, or a request that is to be sent now. */
export function afterTime(state: RenewalState, now: Times): RenewalState {
  if (state.kind === "requesting" || !isDue(state.due, now)) return state;
  return { kind: "requesting", attempt: state.kind === "backing-off" ? state.attempt : 0 };
}

function isDue(due: Due, now: Times): boolean {
  return now.monotonic >= due.monotonic || now.wall >= due.wall;
}

function later(now: Times, delay: number): Due {
  return { monotonic: now.monotonic + delay, wall: now.wall + delay };
}
