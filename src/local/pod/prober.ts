/** Repeats a probe and counts: a verdict changes only after as many equal answers as the spec asks for. */
import type { Probe } from "../../api/kubernetes.ts";
import type { Clock } from "../../core/clock.ts";
import { type Millis, millis, seconds } from "../../core/duration.ts";
import type { ProbeResult } from "./probe-check.ts";

export interface ProberConfig {
  readonly probe: Probe;
  readonly clock: Clock;
  readonly check: (signal: AbortSignal) => Promise<ProbeResult>;
  /**
   * Asks often until the first success, and counts failures as if it had not. Periods are made for clusters, where
   * nobody sits and waits for a pod.
   */
  readonly eager: boolean;
  /** Called with each verdict: at the first one, and whenever it changes. A failing one is told at every threshold. */
  readonly onVerdict: (verdict: ProbeResult) => void;
}

/** A twentieth of a second is not felt by a person, and does not keep a core busy. */
const eagerPeriod = millis(50);

/** Starts asking after the initial delay; the result stops it. */
export function startProber(config: ProberConfig): () => void {
  const { probe, clock } = config;
  const period = seconds(probe.periodSeconds ?? 10);
  const stopped = new AbortController();
  let succeeded = false;
  let successes = 0;
  let failures = 0;
  let lastCounted = Number.NEGATIVE_INFINITY;

  const ask = async (): Promise<void> => {
    const timeout = new AbortController();
    const cancel = clock.after(seconds(probe.timeoutSeconds ?? 1), () => timeout.abort());
    const result = await config.check(AbortSignal.any([stopped.signal, timeout.signal]));
    cancel();
    if (stopped.signal.aborted) return;
    count(result);
    plan(config.eager && !succeeded ? (Math.min(eagerPeriod, period) as Millis) : period);
  };
  const count = (result: ProbeResult): void => {
    if (result.ok) {
      succeeded = true;
      failures = 0;
      successes += 1;
      if (successes === (probe.successThreshold ?? 1)) config.onVerdict(result);
      return;
    }
    successes = 0;
    if (config.eager && !succeeded && clock.now() - lastCounted < period) return;
    lastCounted = clock.now();
    failures += 1;
    if (failures < (probe.failureThreshold ?? 3)) return;
    failures = 0;
    config.onVerdict(result);
  };
  let cancelTimer = (): void => undefined;
  const plan = (delay: Millis): void => {
    cancelTimer = clock.after(delay, () => void ask());
  };

  // Who asks in periods lets one pass first: a program that is just starting does not answer, and is not sick.
  const firstDelay = probe.initialDelaySeconds ?? (config.eager ? 0 : period / 1_000);
  plan(seconds(firstDelay));
  return () => {
    stopped.abort();
    cancelTimer();
  };
}
