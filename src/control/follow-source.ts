/** Keeps the newest snapshot of a source, and says once what is wrong with its objects. */
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import { formatProblem, type Problem } from "./manifests/problem.ts";
import type { ControlMetrics } from "./metrics.ts";
import { MeshModel } from "./model/mesh-model.ts";
import type { MeshSnapshot, ModelConfig } from "./model/snapshot.ts";
import type { Source, SourceChange } from "./source.ts";

export interface FollowPlatform {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ControlMetrics;
}

/** Begins with what the source knows. Knowledge from which no snapshot can be made leaves the last one in place. */
export function followSource(
  source: Source,
  config: ModelConfig,
  platform: FollowPlatform,
): Watch<MeshSnapshot> & { close(): void } {
  const { log, metrics, clock } = platform;
  let model = new MeshModel(config, source.membership);
  let said = new Set<string>();
  const apply = (change: SourceChange): MeshSnapshot => {
    const start = clock.now();
    const snapshot = model.apply(change.objects);
    metrics.snapshots.series().value += 1;
    metrics.buildSeconds.series().value = (clock.now() - start) / 1_000;
    countObjects(metrics, change.problems, snapshot);
    said = reportProblems(change.problems, said, log);
    return snapshot;
  };
  const snapshots = createWatch(apply(source.current()));
  const stop = source.subscribe((change) => {
    try {
      snapshots.set(apply(change));
    } catch (error) {
      log.error({ err: error }, "change not understood, all is read anew");
      model = new MeshModel(config, source.membership);
      snapshots.set({ ...apply(source.current()), changed: undefined, policiesChanged: true });
    }
  });
  return {
    current: () => snapshots.current(),
    subscribe: (listener) => snapshots.subscribe(listener),
    close: stop,
  };
}

function countObjects(
  metrics: ControlMetrics,
  problems: readonly Problem[],
  snapshot: MeshSnapshot,
): void {
  metrics.objects.series("workload").value = snapshot.workloads.size;
  metrics.objects.series("service").value = snapshot.services.size;
  metrics.objects.series("policy").value = snapshot.policies.size;
  for (const severity of ["error", "warning"] as const) {
    const count = problems.filter((problem) => problem.severity === severity).length;
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
