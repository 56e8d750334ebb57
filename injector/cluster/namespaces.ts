/** What the namespaces of the cluster say about their pods, kept in memory: a review waits for no API server. */
import type { Clock } from "../../src/core/clock.ts";
import { type Millis, millis } from "../../src/core/duration.ts";
import type { Watch } from "../../src/core/watch.ts";
import type { NamespaceMeta } from "../eligibility.ts";

/** By name. */
export type NamespaceMap = ReadonlyMap<string, NamespaceMeta>;

export interface NamespaceAnnotations {
  /** Undefined when the namespace did not become known in time. */
  find(namespace: string): Promise<NamespaceMeta["annotations"]>;
}

/** A pod may come milliseconds after its namespace; the API server waits 5 s for the answer. */
const patience = millis(1_000);
/** Reviews that wait at a time; more are answered with what is known. */
const maxWaiting = 200;

/** A namespace that is not known yet is waited for, as long as an API server can bear it. */
export function createNamespaceAnnotations(
  namespaces: Watch<NamespaceMap>,
  clock: Clock,
): NamespaceAnnotations {
  let waiting = 0;
  return {
    async find(namespace) {
      const known = namespaces.current().get(namespace);
      if (known !== undefined || waiting >= maxWaiting) return known?.annotations;
      waiting += 1;
      const later = await waitFor(namespaces, namespace, clock, patience);
      waiting -= 1;
      return later?.annotations;
    },
  };
}

function waitFor(
  namespaces: Watch<NamespaceMap>,
  namespace: string,
  clock: Clock,
  time: Millis,
): Promise<NamespaceMeta | undefined> {
  return new Promise((resolve) => {
    const finish = (found: NamespaceMeta | undefined): void => {
      stopWatch();
      stopTimer();
      resolve(found);
    };
    const stopWatch = namespaces.subscribe((map) => {
      const found = map.get(namespace);
      if (found !== undefined) finish(found);
    });
    const stopTimer = clock.after(time, () => finish(undefined));
  });
}
