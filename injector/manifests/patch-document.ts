/** A JSON Patch on a YAML document: only what it names is written anew, so comments and style elsewhere stay. */
import { type Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import type { JsonPatch, JsonPatchOperation } from "../json-patch.ts";
import type { Path } from "./pod-templates.ts";

/** Throws when a path is not there. */
export function patchDocument(document: Document, base: Path, patch: JsonPatch): void {
  for (const operation of patch) {
    const keys = operation.path.split("/").slice(1).map(unescapeKey);
    applyOperation(document, [...base, ...keys], operation);
  }
}

function applyOperation(document: Document, path: Path, operation: JsonPatchOperation): void {
  const key = path.at(-1);
  const parent = parentOf(document, path);
  if (key === undefined) throw new Error("a patch of a whole document is not known");
  const node =
    operation.op === "remove"
      ? undefined
      : document.createNode(operation.value, { aliasDuplicateObjects: false });
  if (isSeq(parent)) return patchList(parent, String(key), operation.op, node);
  if (operation.op === "remove") parent.delete(String(key));
  else parent.set(String(key), node);
}

function patchList(list: YAMLSeq, key: string, op: JsonPatchOperation["op"], node: unknown): void {
  const index = key === "-" ? list.items.length : Number(key);
  const removed = op === "add" ? 0 : 1;
  if (op === "remove") list.items.splice(index, removed);
  else list.items.splice(index, removed, node);
  // `[]` becomes a list of lines once there is something in it.
  list.flow = false;
}

function parentOf(document: Document, path: Path): YAMLMap | YAMLSeq {
  const above = path.slice(0, -1).map((key) => (/^\d+$/.test(String(key)) ? Number(key) : key));
  const parent = above.length === 0 ? document.contents : document.getIn(above, true);
  if (isMap(parent) || isSeq(parent)) return parent;
  throw new Error(`the patch path ${path.join("/")} is not there`);
}

function unescapeKey(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
