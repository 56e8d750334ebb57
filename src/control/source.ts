/** Where control's knowledge comes from: the API server of a cluster, or folders of manifests. */
import { createWatch } from "../core/watch.ts";
import type { Manifests } from "./manifests/parse.ts";
import type { Problem } from "./manifests/problem.ts";
import { defaultManifestWatchConfig, watchManifests } from "./manifests/watch.ts";
import { byKey, diffObjects, type ObjectDelta } from "./model/object-delta.ts";
import type { Membership } from "./model/service.ts";

export interface SourceChange {
  /** An object that did not change is not in it. */
  readonly objects: ObjectDelta;
  /** What cannot be used as it is now; the last version that could be is then in force. */
  readonly problems: readonly Problem[];
}

export interface Source {
  readonly membership: Membership;
  /** Resolves when everything that there is has been read; nothing is announced before. */
  readonly synced: Promise<void>;
  /** All that is in force, as a change from nothing. */
  current(): SourceChange;
  /** Calls back after every change. The result ends it. */
  subscribe(listener: (change: SourceChange) => void): () => void;
  /** Seconds since the source was last heard of; what it said stays in force however long that is. */
  ageSeconds(): number;
  close(): Promise<void>;
}

/** Reads the folders and files at once and follows their edits. */
export function createManifestSource(paths: readonly string[]): Source {
  const toState = (manifests: Manifests) => ({
    objects: byKey(manifests.objects.map(({ object }) => object)),
    problems: manifests.problems,
  });
  const manifests = watchManifests(
    paths,
    (changed) => state.set(toState(changed)),
    defaultManifestWatchConfig,
  );
  const state = createWatch(toState(manifests.current()));
  return {
    membership: "selectors",
    synced: Promise.resolve(),
    current: () => state.current(),
    subscribe(listener) {
      let before = state.current().objects;
      return state.subscribe(({ objects, problems }) => {
        const delta = diffObjects(before, objects);
        before = objects;
        listener({ objects: delta, problems });
      });
    },
    ageSeconds: () => 0,
    async close() {
      manifests.close();
    },
  };
}
