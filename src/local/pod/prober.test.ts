import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import type { Probe } from "../../api/kubernetes.ts";
import type { ProbeResult } from "./probe-check.ts";
import { startProber } from "./prober.ts";

/** A prober whose answers the test chooses, with what it asked and what it decided. */
function probing(probe: Probe, eager: boolean) {
  const clock = createFakeClock();
  const asked: number[] = [];
  const verdicts: string[] = [];
  const state = { answer: { ok: false, reason: "refused" } as ProbeResult };
  const check = async (): Promise<ProbeResult> => {
    asked.push(clock.now());
    return state.answer;
  };
  const onVerdict = (verdict: ProbeResult): void => {
    verdicts.push(`${clock.now()} ${verdict.ok ? "ok" : verdict.reason}`);
  };
  const stop = startProber({ probe, clock, check, eager, onVerdict });
  const advance = async (millis: number): Promise<void> => {
    for (let passed = 0; passed < millis; passed += 50) {
      clock.advance(50);
      await turn();
    }
  };
  return { asked, verdicts, state, advance, stop };
}

test("a probe is asked after its delay and then once a period", async () => {
  const { asked, advance, stop } = probing({ initialDelaySeconds: 1, periodSeconds: 2 }, false);
  await advance(6_000);
  stop();
  assert.deepEqual(asked, [1_000, 3_000, 5_000]);
});

test("a verdict takes as many failures in a row as the threshold says", async () => {
  const { verdicts, state, advance, stop } = probing(
    { periodSeconds: 1, failureThreshold: 2 },
    false,
  );
  for (const ok of [true, false, true, false, false]) {
    state.answer = ok ? { ok } : { ok, reason: "refused" };
    await advance(1_000);
  }
  stop();
  assert.deepEqual(verdicts, ["1000 ok", "3000 ok", "5000 refused"]);
});

test("an eager probe is asked often until it succeeds, and fails no sooner for it", async () => {
  const { asked, verdicts, state, advance, stop } = probing(
    { periodSeconds: 1, failureThreshold: 3 },
    true,
  );
  await advance(1_500);
  assert.ok(asked.length > 20, `asked ${asked.length} times`);
  assert.deepEqual(verdicts, []);
  await advance(600);
  assert.equal(verdicts.length, 1);
  state.answer = { ok: true };
  await advance(100);
  const before = asked.length;
  await advance(2_000);
  stop();
  assert.match(verdicts[1] ?? "", /ok$/);
  assert.ok(asked.length - before <= 2, "a period between questions after the first success");
});

test("nothing is told after the prober was stopped", async () => {
  const { verdicts, state, advance, stop } = probing({ periodSeconds: 1 }, false);
  state.answer = { ok: true };
  stop();
  await advance(3_000);
  assert.deepEqual(verdicts, []);
});
