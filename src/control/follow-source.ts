/** Keeps the newest snapshot of a source, and says once what is wrong with its objects. */
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import { formatProblem, type Problem } from "./manifests/problem.ts";
import type { ControlMetrics } from "./metrics.ts";
import { createSnapshotBuilder, type MeshSnapshot, type ModelConfig } from "./model/snapshot.ts";
import type { Source, SourceState } from "./source.ts";

export interface FollowPlatform {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ControlMetrics;
}

/** A state whose snapshot cannot be built leaves the last one in place. */
export function followSource(
  source: Source,
  config: ModelConfig,
  platform: FollowPlatform,
): Watch<MeshSnapshot> & { close(): void } {
  const { log, metrics } = platform;
  const builder = createSnapshotBuilder(config);
  let said = new Set<string>();
  const build = (state: SourceState): MeshSnapshot => {
    const start = platform.clock.now();
    const snapshot = builder.build(state.objects);
    const took = platform.clock.now() - start;
    metrics.snapshots.series().value += 1;
    metrics.buildSeconds.series().value = took / 1_000;
    countObjects(metrics, state, snapshot);
    said = reportProblems(state.problems, said, log);
    return snapshot;
  };
  const snapshots = createWatch(build(source.current()));
  const stop = source.subscribe((state) => {
    try {
      snapshots.set(build(state));
    } catch (error) {
      log.error({ err: error }, "snapshot not built, the last one stays");
    }
  });
  return {
    current: () => snapshots.current(),
    subscribe: (listener) => snapshots.subscribe(listener),
    close: stop,
  };
}

function countObjects(metrics: ControlMetrics, state: SourceState, snapshot: MeshSnapshot): void {
  metrics.objects.series("workload").value = snapshot.workloads.size;
  metrics.objects.series("service").value = snapshot.services.size;
  metrics.objects.series("policy").value = snapshot.policies.size;
  for (const severity of ["error", "warning"] as const) {
    const count = state.problems.filter((problem) => problem.severity === severity).length;
    metrics.problems.series(severity).value = count;
  }
}

/** Gives what has been said, so that an edit elsewhere does not say it again. */
function reportProblems(problems: readonly Problem[], said: Set<string>, log: Log): Set<string> {
  const now = new Set<string>();
  for (const problem of problems) {
    const text = formatProblem(problem);
    now.add(text);
    if (said.has(text)) continue;
    const { severity, ...facts } = problem;
    if (severity === "error") log.warn(facts, "manifest not used");
    else log.info(facts, "manifest ignored");
  }
  for (const text of said) if (!now.has(text)) log.info({ problem: text }, "manifest mended");
  return now;
}
