/** The replica with the Lease keeps the Secret and the webhooks' `caBundle` as they must be; all others only look. */
import { backoffDelay } from "../../src/core/backoff.ts";
import type { Clock } from "../../src/core/clock.ts";
import { type Millis, seconds } from "../../src/core/duration.ts";
import type { Log } from "../../src/core/log.ts";
import type { Watch } from "../../src/core/watch.ts";
import { isConflict } from "../../src/kubernetes/kubernetes-error.ts";
import type { CertificateState } from "./certificate-state.ts";
import type { CertificateObjects } from "./cluster-objects.ts";
import { nextStep, type RotationSettings, type Step } from "./next-step.ts";

export interface KeeperOptions {
  readonly objects: CertificateObjects;
  readonly isHolder: Watch<boolean>;
  readonly settings: RotationSettings;
  /** Hears of every write that was done: `first`, `prepare`, `promote`, `forget`, `restore` or `write_bundle`. */
  readonly onStep: (step: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was written comes back by the watch, which wakes; this is for a watch that is just broken. */
const patience = seconds(5);
const retry = { base: seconds(1), max: seconds(30) };

/** Works until the result is called. */
export function keepCertificate(options: KeeperOptions): () => void {
  const { objects, isHolder, clock } = options;
  const sleeper = createSleeper(clock);
  const seen = rememberSeen(options);
  const stops = [
    objects.secrets.onDelta(seen.look),
    objects.webhooks.onDelta(seen.look),
    objects.secrets.onDelta(sleeper.wake),
    objects.webhooks.onDelta(sleeper.wake),
    isHolder.subscribe(sleeper.wake),
  ];
  const closed = new AbortController();
  const run = async (): Promise<void> => {
    await Promise.all([objects.secrets.synced, objects.webhooks.synced]);
    seen.look();
    let failures = 0;
    while (!closed.signal.aborted) {
      const woken = sleeper.woken();
      let pause: Millis;
      try {
        pause = isHolder.current() ? await doStep(options, seen) : seconds(60);
        failures = 0;
      } catch (error) {
        pause = backoffDelay(retry, failures++);
        explain(error, pause, options.log);
      }
      await sleeper.sleep(pause, woken);
    }
  };
  void run();
  return () => {
    closed.abort();
    for (const stop of stops) stop();
    sleeper.wake();
  };
}

/** Gives how long there is nothing to do, as far as one can tell now. */
async function doStep(options: KeeperOptions, seen: Seen): Promise<Millis> {
  const { objects, settings, clock, log, onStep } = options;
  const webhook = objects.webhook();
  const situation = { state: objects.secret()?.state, bundle: webhook?.bundle, ...seen.facts() };
  const step: Step = nextStep(situation, settings, clock.wallTime());
  switch (step.kind) {
    case "wait":
      return step.time;
    case "write_secret":
      await objects.writeSecret(step.state);
      log.info({ why: step.why }, "webhook certificate written");
      onStep(step.why);
      return patience;
    case "write_bundle":
      if (webhook === undefined || webhook.names.length === 0) {
        log.warn("there is no webhook configuration of ours; waiting for it");
        return seconds(60);
      }
      await objects.writeBundle(step.bundle);
      log.info("caBundle written");
      onStep("write_bundle");
      return patience;
  }
}

function explain(error: unknown, pause: Millis, log: Log): void {
  // Another replica, or the one that held the Lease before, was faster; the watch will tell what it wrote.
  const level = isConflict(error) ? "debug" : "warn";
  log[level]({ err: error, pause }, "webhook certificate not written");
}

interface Seen {
  readonly look: () => void;
  facts(): { readonly remembered: CertificateState | undefined; readonly bundleSince: number };
}

/** Kept by every replica, so that whichever gets the Lease knows what was served and since when it is trusted. */
function rememberSeen({ objects, clock }: KeeperOptions): Seen {
  let remembered: CertificateState | undefined;
  let bundle: string | undefined;
  let bundleSince = clock.wallTime();
  return {
    look() {
      remembered = objects.secret()?.state ?? remembered;
      const now = objects.webhook()?.bundle;
      if (now === bundle) return;
      bundle = now;
      bundleSince = clock.wallTime();
    },
    facts: () => ({ remembered, bundleSince }),
  };
}

interface Sleeper {
  readonly wake: () => void;
  /** How often `wake` was called so far. */
  woken(): number;
  /** Ends early, or at once, when `wake` is called more often than that. */
  sleep(time: Millis, woken: number): Promise<void>;
}

function createSleeper(clock: Clock): Sleeper {
  let count = 0;
  let rouse: () => void = () => undefined;
  return {
    wake: () => {
      count += 1;
      rouse();
    },
    woken: () => count,
    sleep(time, woken) {
      if (count > woken) return Promise.resolve();
      return new Promise((resolve) => {
        const stop = clock.after(time, resolve);
        rouse = () => {
          stop();
          resolve();
        };
      });
    },
  };
}
