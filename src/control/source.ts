/** Where control's knowledge comes from: a folder of manifests now, an API server later. */
import type { KnownObject } from "../api/kubernetes.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import type { Manifests } from "./manifests/parse.ts";
import type { Problem } from "./manifests/problem.ts";
import { defaultManifestWatchConfig, watchManifests } from "./manifests/watch.ts";

export interface SourceState {
  /** An object that did not change is the same one as before. */
  readonly objects: readonly KnownObject[];
  /** What could not be read; the objects are then the last ones that could. */
  readonly problems: readonly Problem[];
}

export interface Source extends Watch<SourceState> {
  close(): void;
}

/** Reads the folders and files at once and follows their edits. */
export function createManifestSource(paths: readonly string[]): Source {
  const toState = (manifests: Manifests): SourceState => ({
    objects: manifests.objects.map(({ object }) => object),
    problems: manifests.problems,
  });
  const manifests = watchManifests(
    paths,
    (changed) => state.set(toState(changed)),
    defaultManifestWatchConfig,
  );
  const state = createWatch(toState(manifests.current()));
  return {
    current: () => state.current(),
    subscribe: (listener) => state.subscribe(listener),
    close: () => manifests.close(),
  };
}
