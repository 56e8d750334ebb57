/**
 * What the replica with the Lease does next about the webhook's certificate. Pure; the order is the point of it:
 *
 *     prepare ──▶ write_bundle ──▶ (settle) ──▶ promote ──▶ (the old one ends) ──▶ forget ──▶ write_bundle
 *
 * No replica serves a certificate before every API server has had time to trust it, nor is an authority taken
 * away while a replica may still serve what it signed.
 */
import type { Millis } from "../../src/core/duration.ts";
import {
  bundleOf,
  type CertificateState,
  endOf,
  isFor,
  splitCertificates,
} from "./certificate-state.ts";
import { backdate, makeServingPair, type PairRequest, type ServingPair } from "./make-pair.ts";

/** Two overlap as a rule; more only come from a lifetime that was made much shorter. */
const maxPrevious = 4;

export type Step =
  | {
      readonly kind: "write_secret";
      readonly why: "first" | "restore" | "prepare" | "promote" | "forget";
      readonly state: CertificateState;
    }
  | { readonly kind: "write_bundle"; readonly bundle: string }
  | { readonly kind: "wait"; readonly time: Millis };

export interface Situation {
  /** Undefined when there is no Secret, or none that can be served. */
  readonly state: CertificateState | undefined;
  /** The last good state that this replica saw; replicas serve it for as long as there is none. */
  readonly remembered: CertificateState | undefined;
  /** What all webhooks of the configuration trust; undefined when they disagree or there are none. */
  readonly bundle: string | undefined;
  /** Wall time since which the bundle has been what it is. */
  readonly bundleSince: number;
}

export interface RotationSettings extends Omit<PairRequest, "now"> {
  /** What API servers are given to hear of a new bundle. */
  readonly settleTime: Millis;
}

export function nextStep(situation: Situation, settings: RotationSettings, now: number): Step {
  const { state, remembered, bundle, bundleSince } = situation;
  const make = (): ServingPair => makeServingPair({ ...settings, now });
  if (state === undefined || !isGood(state, settings, now)) {
    if (remembered !== undefined && isGood(remembered, settings, now)) {
      return write("restore", remembered);
    }
    // Nothing that is trusted now could be served any more, so there is nothing to wait for.
    return write("first", { serving: make(), next: undefined, previousCas: "" });
  }
  const wanted = bundleOf(state);
  if (bundle !== wanted) return { kind: "write_bundle", bundle: wanted };
  const { serving, next } = state;
  if (next !== undefined) {
    const settled = bundleSince + settings.settleTime;
    if (now < settled) return wait(settled - now);
    const previous = splitCertificates(serving.caPem + state.previousCas);
    const previousCas = previous.slice(0, maxPrevious).join("");
    return write("promote", { serving: next, next: undefined, previousCas });
  }
  const previous = splitCertificates(state.previousCas).map((pem) => ({ pem, end: endOfPem(pem) }));
  const alive = previous.filter(({ end }) => end > now);
  if (alive.length < previous.length) {
    return write("forget", { ...state, previousCas: alive.map(({ pem }) => pem).join("") });
  }
  // A third of the lifetime is left for whatever goes wrong. What would last longer was made under another setting.
  const renewal = endOf(serving) - settings.lifetime / 3;
  const outlasts = endOf(serving) - now > settings.lifetime + backdate;
  if (now >= renewal || outlasts) return write("prepare", { ...state, next: make() });
  return wait(Math.min(renewal, ...alive.map(({ end }) => end)) - now);
}

function isGood(state: CertificateState, settings: RotationSettings, now: number): boolean {
  return endOf(state.serving) > now && isFor(state.serving, settings.dnsNames);
}

function write(why: (Step & { kind: "write_secret" })["why"], state: CertificateState): Step {
  return { kind: "write_secret", why, state };
}

/** Clocks may be set: nobody sleeps longer than a minute on what they said. */
function wait(time: number): Step {
  return { kind: "wait", time: Math.min(Math.max(time, 1), 60_000) as Millis };
}

function endOfPem(pem: string): number {
  return endOf({ certPem: pem, keyPem: "", caPem: pem });
}
