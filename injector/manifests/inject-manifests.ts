/** The injection patch on manifests of files: what the webhook would do later is done to the templates of pods. */
import { type Document, isAlias, parseAllDocuments, visit } from "yaml";
import type { NamespaceMeta } from "../eligibility.ts";
import { skipReasons } from "../eligibility.ts";
import { createJsonPatch } from "../json-patch.ts";
import { type InjectionOptions, injectLabel } from "../options.ts";
import { injectPod } from "../patch.ts";
import { readPod } from "../pod-shape.ts";
import { patchDocument } from "./patch-document.ts";
import { findNamespaces, findPodPlaces, type PodPlace, podOfTemplate } from "./pod-templates.ts";

export interface ManifestFile {
  /** As people call it: a path, or "standard input". */
  readonly name: string;
  readonly text: string;
}

export interface InjectedObject {
  readonly file: string;
  readonly title: string;
  readonly outcome: "injected" | "unchanged" | "skipped" | "refused" | "malformed";
  /** Why; empty when there is nothing to say. */
  readonly detail: string;
  readonly warnings: readonly string[];
}

export interface InjectedManifests {
  readonly documents: readonly Document[];
  readonly objects: readonly InjectedObject[];
  /** Files that are no YAML, one sentence each. */
  readonly problems: readonly string[];
}

/**
 * Whoever names a file wants its pods in the mesh: pods without a label are injected unless their namespace, where
 * the files define it, opts out. Everything that is no pod stays as it is, comments included.
 */
export function injectManifests(
  files: readonly ManifestFile[],
  options: InjectionOptions,
): InjectedManifests {
  const problems: string[] = [];
  const read = files.flatMap((file) => {
    try {
      return readDocuments(file.text).map((document) => ({ file: file.name, document }));
    } catch (error) {
      problems.push(`${file.name}: ${firstLine((error as Error).message)}`);
      return [];
    }
  });
  const namespaces = new Map(read.flatMap(({ document }) => findNamespaces(document.toJS())));
  const objects = read.flatMap(({ file, document }) =>
    findPodPlaces(document.toJS()).map((place): InjectedObject => {
      const namespace = metaOf(namespaces.get(place.namespace));
      return { file, title: place.title, ...injectPlace(document, place, namespace, options) };
    }),
  );
  return { documents: read.map(({ document }) => document), objects, problems };
}

/** Throws when a document is no YAML, or its aliases stand for more than a person would write. */
function readDocuments(text: string): readonly Document[] {
  // kubectl reads YAML 1.1, where a bare `off` is no text; what we write is quoted accordingly.
  const options = { merge: true, compat: "yaml-1.1" } as const;
  const documents: Document[] = [...parseAllDocuments(text, options)];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    if (hasAliases(document)) {
      // What a patch changes in one place must not change where an alias repeats it.
      const plain = JSON.parse(JSON.stringify(document.toJS())) as unknown;
      document.contents = document.createNode(plain) as typeof document.contents;
    }
  }
  return documents.filter(({ contents }) => contents !== null);
}

function hasAliases(document: Document): boolean {
  let found = false;
  visit(document, {
    Node(_, node) {
      if (!isAlias(node)) return;
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

function injectPlace(
  document: Document,
  place: PodPlace,
  namespace: NamespaceMeta,
  options: InjectionOptions,
): Omit<InjectedObject, "file" | "title"> {
  const told = { detail: "", warnings: [] };
  const pod = readPod(podOfTemplate(place));
  if (typeof pod === "string") return { ...told, outcome: "malformed", detail: pod };
  const injection = injectPod(pod, namespace, options);
  switch (injection.kind) {
    case "skip":
      return { ...told, outcome: "skipped", detail: skipReasons[injection.reason] };
    case "refuse":
      return { ...told, outcome: "refused", detail: injection.message };
    case "patch": {
      const { patch, warnings } = injection;
      // A template may have no metadata at all, which the patch takes for granted.
      if (place.template["metadata"] === undefined && patch.length > 0) {
        patchDocument(document, place.path, createJsonPatch(place.template, pod));
      }
      patchDocument(document, place.path, patch);
      return { ...told, outcome: patch.length === 0 ? "unchanged" : "injected", warnings };
    }
  }
}

function metaOf(metadata: Readonly<Record<string, unknown>> = {}): NamespaceMeta {
  const { labels, annotations } = metadata as NamespaceMeta;
  return {
    labels: { [injectLabel]: "enabled", ...labels },
    ...(annotations && { annotations }),
  };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
