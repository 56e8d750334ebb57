/** The text of a manifest file to typed objects that know their line, and the problems on the way. */
import { type Document, isCollection, isMap, LineCounter, parseAllDocuments } from "yaml";
import type { KnownObject } from "../../api/kubernetes.ts";
import { kinds } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { isMapping, type Path } from "./schema.ts";

export interface ManifestObject {
  /** `metadata.namespace` is filled in with `default` where the kind has one and the manifest does not. */
  readonly object: KnownObject;
  readonly file: string;
  /** Where the object starts. */
  readonly line: number;
}

export interface Manifests {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly Problem[];
}

/** An alias bomb stops here; manifests that people write stay far below. */
const maxAliases = 100;

type Fail = (path: Path, severity: Problem["severity"], reason: string, hint?: string) => void;

/** Reads every document of the text; `file` is only for messages. Objects with an error are left out. */
export function parseManifests(text: string, file: string): Manifests {
  const objects: ManifestObject[] = [];
  const problems: Problem[] = [];
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    logLevel: "error",
  });
  if ("empty" in documents) return { objects, problems };
  for (const document of documents) {
    const lineOf = (path: Path): number => lines.linePos(offsetOf(document, path)).line;
    const fail: Fail = (path, severity, reason, hint) => {
      const problem = { severity, file, line: lineOf(path), reason };
      problems.push(hint === undefined ? problem : { ...problem, hint });
    };
    // What follows the first error is mostly its echo.
    const [error] = document.errors;
    if (error !== undefined) {
      const line = lines.linePos(error.pos[0]).line;
      const reason = `not YAML: ${error.message.replace(/\s+/g, " ")}`;
      problems.push({ severity: "error", file, line, reason });
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: maxAliases });
    } catch (error) {
      fail([], "error", `not YAML: ${(error as Error).message}`);
      continue;
    }
    for (const [item, path] of unwrapList(value)) {
      const object = readObject(item, path, fail);
      if (object !== undefined) objects.push({ object, file, line: lineOf(path) });
    }
  }
  return { objects, problems };
}

/** A document holds one object, none, or a `List` of them. */
function unwrapList(value: unknown): readonly (readonly [unknown, Path])[] {
  if (value === null || value === undefined) return [];
  if (isMapping(value) && value["kind"] === "List" && Array.isArray(value["items"])) {
    return value["items"].map((item: unknown, index) => [item, ["items", index]] as const);
  }
  return [[value, []]];
}

function readObject(value: unknown, path: Path, fail: Fail): KnownObject | undefined {
  if (!isMapping(value) || typeof value["kind"] !== "string") {
    fail(path, "error", "not a Kubernetes object: it has no kind");
    return undefined;
  }
  const { kind, apiVersion } = value;
  if (typeof apiVersion !== "string") {
    fail(path, "error", `${kind}: apiVersion is missing`);
    return undefined;
  }
  const info = Object.hasOwn(kinds, kind) ? kinds[kind as KnownObject["kind"]] : undefined;
  if (info === undefined || groupOf(apiVersion) !== groupOf(info.apiVersion)) {
    reportUnknown(kind, apiVersion, path, fail);
    return undefined;
  }
  if (apiVersion !== info.apiVersion) {
    const got = JSON.stringify(apiVersion);
    fail([...path, "apiVersion"], "error", `${kind} is of ${info.apiVersion}, not of ${got}`);
    return undefined;
  }
  let sound = true;
  info.check(value, [], (issue) => {
    sound = false;
    fail(
      [...path, ...issue.path],
      "error",
      `${kind} ${nameOf(value)}: ${issue.reason}`,
      issue.hint,
    );
  });
  if (!sound) return undefined;
  const object = withoutNulls(value) as unknown as KnownObject;
  if (!info.namespaced || object.metadata.namespace !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace: "default" } };
}

/** A field without a value is the same as none, so that the types of the objects hold. */
function withoutNulls(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null) continue;
    if (Array.isArray(item))
      kept[key] = item.map((each) => (isMapping(each) ? withoutNulls(each) : each));
    else kept[key] = isMapping(item) ? withoutNulls(item) : item;
  }
  return kept;
}

function reportUnknown(kind: string, apiVersion: string, path: Path, fail: Fail): void {
  const known = Object.hasOwn(kinds, kind)
    ? kinds[kind as KnownObject["kind"]].apiVersion
    : undefined;
  const near = known === undefined ? nearest(kind, Object.keys(kinds)) : undefined;
  const hint =
    known !== undefined ? `Remora reads ${kind} of ${known}` : near && `did you mean ${near}?`;
  fail(
    [...path, "kind"],
    "warning",
    `${kind} of ${apiVersion} is ignored: Remora has no use for it`,
    hint,
  );
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

function nameOf(value: Readonly<Record<string, unknown>>): string {
  const { metadata } = value;
  const name = isMapping(metadata) ? metadata["name"] : undefined;
  return typeof name === "string" ? JSON.stringify(name) : "without a name";
}

/** Where the value at `path` is written; for a key, where its key is; else where the nearest parent is. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? document.range?.[0] ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(part));
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isCollection(node)) {
      node = node.items[Number(part)];
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0];
}
