import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { millis } from "../../src/core/duration.ts";
import {
  bundleOf,
  type CertificateState,
  encodeCertificateState,
  readCertificateState,
  splitCertificates,
} from "./certificate-state.ts";
import { makeServingPair } from "./make-pair.ts";
import { nextStep, type RotationSettings, type Situation, type Step } from "./next-step.ts";

const lifetime = 30_000_000;
const settings: RotationSettings = {
  lifetime: millis(lifetime),
  settleTime: millis(10_000),
  dnsNames: ["remora-injector.remora-system.svc"],
  trustDomain: "cluster.local",
  uri: "spiffe://cluster.local/ns/remora-system/sa/remora-injector",
};
const start = Date.UTC(2030, 0, 1);
const nothing: Situation = {
  state: undefined,
  remembered: undefined,
  bundle: undefined,
  bundleSince: start,
};

function written(step: Step, why: string): CertificateState {
  assert.equal(step.kind === "write_secret" ? step.why : step.kind, why);
  return (step as Step & { kind: "write_secret" }).state;
}

function firstState(): CertificateState {
  return written(nextStep(nothing, settings, start), "first");
}

/** Everybody trusts the state since long. */
function trusted(state: CertificateState, bundleSince = start): Situation {
  return { state, remembered: state, bundle: bundleOf(state), bundleSince };
}

test("a certificate is good for the webhook's name, and its authority signed it", () => {
  const pair = makeServingPair({ ...settings, now: start });
  const leaf = new X509Certificate(pair.certPem);
  const authority = new X509Certificate(pair.caPem);
  assert.equal(leaf.checkHost("remora-injector.remora-system.svc") !== undefined, true);
  assert.equal(leaf.verify(authority.publicKey), true);
  assert.equal(leaf.checkIssued(authority), true);
  assert.deepEqual([leaf.ca, authority.ca], [false, true]);
  assert.equal(leaf.validToDate.getTime(), start + lifetime);
});

test("a Secret gives back what was written into it", () => {
  const next = makeServingPair({ ...settings, now: start });
  const state = { ...firstState(), next, previousCas: next.caPem + next.caPem };
  assert.deepEqual(readCertificateState(encodeCertificateState(state)), state);
});

test("a Secret with anything else than a pair under its authority cannot be served", () => {
  const data = encodeCertificateState(firstState());
  const other = encodeCertificateState(firstState());
  const bad = [
    {},
    { ...data, "tls.key": other["tls.key"] as string },
    { ...data, "ca.crt": other["ca.crt"] as string },
    { ...data, "tls.crt": "AAAA" },
    { ...data, "tls.crt": data["tls.key"] as string },
  ];
  for (const one of bad) assert.equal(readCertificateState(one), undefined);
});

test("what stands for the next pair and is none is as good as absent", () => {
  const data = encodeCertificateState(firstState());
  const state = readCertificateState({ ...data, "next.crt": "AAAA", "previous-ca.crt": "AAAA" });
  assert.deepEqual([state?.next, state?.previousCas], [undefined, ""]);
});

test("the bundle is written before anything else is done", () => {
  const state = firstState();
  for (const bundle of [undefined, "", bundleOf(firstState())]) {
    const step = nextStep({ ...trusted(state), bundle }, settings, start + lifetime - 1);
    assert.deepEqual(step, { kind: "write_bundle", bundle: state.serving.caPem });
  }
});

test("nothing is done until a third of the lifetime is left, and nobody sleeps over a minute", () => {
  const situation = trusted(firstState());
  assert.deepEqual(nextStep(situation, settings, start), { kind: "wait", time: 60_000 });
  const nearly = start + (lifetime * 2) / 3 - 5;
  assert.deepEqual(nextStep(situation, settings, nearly), { kind: "wait", time: 5 });
});

test("a certificate that would outlast the lifetime is renewed: the setting was another one", () => {
  const state = firstState();
  const shorter = { ...settings, lifetime: millis(lifetime / 10) };
  written(nextStep(trusted(state), shorter, start), "prepare");
  assert.equal(nextStep(trusted(state), settings, start - 60_000).kind, "wait");
});

test("a rotation serves the new pair only after both authorities were trusted for the settle time", () => {
  const state = firstState();
  const due = start + (lifetime * 2) / 3;
  const prepared = written(nextStep(trusted(state), settings, due), "prepare");
  assert.deepEqual(prepared.serving, state.serving);
  const both = prepared.serving.caPem + prepared.next?.caPem;
  const step = nextStep({ ...trusted(state), state: prepared }, settings, due);
  assert.deepEqual(step, { kind: "write_bundle", bundle: both });
  const early = nextStep(trusted(prepared, due), settings, due + 9_999);
  assert.deepEqual(early, { kind: "wait", time: 1 });
  const promoted = written(nextStep(trusted(prepared, due), settings, due + 10_000), "promote");
  assert.deepEqual(promoted.serving, prepared.next);
  assert.equal(promoted.next, undefined);
  assert.deepEqual(
    splitCertificates(bundleOf(promoted)).toSorted(),
    splitCertificates(both).toSorted(),
  );
});

test("a bundle that was reset while the new authority settles starts the settle time anew", () => {
  const prepared = { ...firstState(), next: makeServingPair({ ...settings, now: start }) };
  const step = nextStep(trusted(prepared, start + 9_000), settings, start + 10_000);
  assert.deepEqual(step, { kind: "wait", time: 9_000 });
});

test("an authority is forgotten when the last certificate under it has ended", () => {
  const old = makeServingPair({ ...settings, now: start - lifetime / 2 });
  const state = { ...firstState(), previousCas: old.caPem };
  const end = start + lifetime / 2;
  assert.equal(nextStep(trusted(state), settings, end - 1).kind, "wait");
  const forgotten = written(nextStep(trusted(state), settings, end), "forget");
  assert.equal(forgotten.previousCas, "");
});

test("a Secret that was deleted or spoilt is written again as it was", () => {
  const state = firstState();
  const situation = { ...trusted(state), state: undefined };
  assert.deepEqual(written(nextStep(situation, settings, start), "restore"), state);
});

test("a certificate that has ended, or is for another name, is replaced at once", () => {
  const state = firstState();
  const ended = nextStep(trusted(state), settings, start + lifetime);
  assert.notDeepEqual(written(ended, "first").serving, state.serving);
  const renamed = { ...settings, dnsNames: ["webhook.example"] };
  assert.notDeepEqual(written(nextStep(trusted(state), renamed, start), "first"), state);
});
