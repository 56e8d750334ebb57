import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpiffeId } from "../core/spiffe-id.ts";
import {
  afterFailure,
  afterIssue,
  afterTime,
  initialRenewal,
  type RenewalState,
} from "./renewal.ts";
import type { WorkloadCertificate } from "./workload-certificate.ts";

const hour = 3_600_000;
const start = { monotonic: 1_000, wall: Date.UTC(2030, 0, 1) };

function certificate(lifetime: number): WorkloadCertificate {
  return {
    id: "spiffe://cluster.local/ns/shop/sa/web" as SpiffeId,
    chainPem: "",
    privateKeyPem: "",
    serial: "",
    notBefore: start.wall - 120_000,
    notAfter: start.wall + lifetime,
  };
}

function at(millis: number): typeof start {
  return { monotonic: start.monotonic + millis, wall: start.wall + millis };
}

function restOf(state: RenewalState): number {
  assert(state.kind !== "requesting");
  return state.due.monotonic - start.monotonic;
}

test("a certificate is renewed between 40 and 50 per cent of its life", () => {
  assert.equal(restOf(afterIssue(certificate(hour), start, () => 0)), hour / 2);
  assert.equal(restOf(afterIssue(certificate(hour), start, () => 1)), 0.4 * hour);
});

test("a short certificate that is back-dated by more than its life is not renewed in a loop", () => {
  assert.equal(restOf(afterIssue(certificate(10_000), start, () => 0)), 5_000);
  assert.equal(restOf(afterIssue(certificate(100), start, () => 0)), 1_000);
});

test("nothing happens before the time, and the renewal begins with it", () => {
  const state = afterIssue(certificate(hour), start, () => 0);
  assert.equal(afterTime(state, at(hour / 2 - 1)), state);
  assert.deepEqual(afterTime(state, at(hour / 2)), { kind: "requesting", attempt: 0 });
});

test("a clock that is set forward, and a machine that slept, renew at once", () => {
  const state = afterIssue(certificate(hour), start, () => 0);
  const stepped = { monotonic: start.monotonic + 1, wall: start.wall + hour };
  assert.equal(afterTime(state, stepped).kind, "requesting");
});

test("a clock that is set back does not delay the renewal", () => {
  const state = afterIssue(certificate(hour), start, () => 0);
  const stepped = { monotonic: start.monotonic + hour / 2, wall: start.wall - hour };
  assert.equal(afterTime(state, stepped).kind, "requesting");
});

test("failures are retried with growing pauses, each at most half a minute", () => {
  let state = initialRenewal();
  const pauses: number[] = [];
  for (let count = 0; count < 9; count++) {
    assert(state.kind === "requesting");
    state = afterFailure(state.attempt, undefined, start, () => 1);
    pauses.push(restOf(state));
    state = afterTime(state, at(31_000));
  }
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("the pauses shrink while the held certificate runs out", () => {
  const pause = restOf(afterFailure(20, certificate(60_000), start, () => 1));
  assert.equal(pause, 6_000);
  assert.equal(restOf(afterFailure(20, certificate(100), start, () => 1)), 500);
});

test("time does not disturb a request that is under way", () => {
  const state = initialRenewal();
  assert.equal(afterTime(state, at(hour)), state);
});
