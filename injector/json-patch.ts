/** JSON Patch (RFC 6902) between two JSON values, small enough to be read in an admission audit log. */

export type JsonPatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };
export type JsonPatch = readonly JsonPatchOperation[];

/** The operations that turn `before` into `after`; empty exactly when the two are equal. */
export function createJsonPatch(before: unknown, after: unknown): JsonPatch {
  const operations: JsonPatchOperation[] = [];
  compare(before, after, "", operations);
  return operations;
}

/** Applies a patch and gives a new value; throws when a path is not there. The input stays as it was. */
export function applyJsonPatch(target: unknown, patch: JsonPatch): unknown {
  let result = structuredClone(target);
  for (const operation of patch) {
    if (operation.path === "") {
      if (operation.op === "remove") throw new Error("a patch cannot remove the whole document");
      result = structuredClone(operation.value);
      continue;
    }
    applyOperation(result, operation);
  }
  return result;
}

function compare(
  before: unknown,
  after: unknown,
  path: string,
  operations: JsonPatchOperation[],
): void {
  if (Array.isArray(before) && Array.isArray(after)) compareArrays(before, after, path, operations);
  else if (isObject(before) && isObject(after)) compareObjects(before, after, path, operations);
  else if (before !== after) operations.push({ op: "replace", path, value: after });
}

function compareObjects(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  path: string,
  operations: JsonPatchOperation[],
): void {
  for (const key of Object.keys(before)) {
    if (after[key] === undefined) operations.push({ op: "remove", path: child(path, key) });
  }
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    if (old === undefined) operations.push({ op: "add", path: child(path, key), value });
    else compare(old, value, child(path, key), operations);
  }
}

/** New entries in front or behind become `add`; any other change of length or order replaces the whole array. */
function compareArrays(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  operations: JsonPatchOperation[],
): void {
  const added = after.length - before.length;
  const inFront = added > 0 && named(after[added]) === named(before[0]);
  const sameNames = (offset: number): boolean =>
    before.every((value, index) => named(value) === named(after[index + offset]));
  const offset = inFront && sameNames(added) ? added : 0;
  if (added < 0 || !sameNames(offset)) {
    operations.push({ op: "replace", path, value: after });
    return;
  }
  for (let index = 0; index < offset; index += 1) {
    operations.push({ op: "add", path: `${path}/${index}`, value: after[index] });
  }
  before.forEach((value, index) => {
    compare(value, after[index + offset], `${path}/${index + offset}`, operations);
  });
  for (const value of after.slice(before.length + offset)) {
    operations.push({ op: "add", path: `${path}/-`, value });
  }
}

/** Kubernetes lists are keyed by name; entries without one are compared by position. */
function named(value: unknown): unknown {
  return isObject(value) ? value["name"] : undefined;
}

function applyOperation(root: unknown, operation: JsonPatchOperation): void {
  const keys = operation.path.slice(1).split("/").map(unescapeKey);
  const last = keys.pop() ?? "";
  let parent = root;
  for (const key of keys) parent = descend(parent, key, operation.path);
  if (Array.isArray(parent)) {
    const index = last === "-" ? parent.length : Number(last);
    if (operation.op === "remove") parent.splice(index, 1);
    else parent.splice(index, operation.op === "add" ? 0 : 1, structuredClone(operation.value));
    return;
  }
  if (!isObject(parent)) throw new Error(`the patch path ${operation.path} is not there`);
  if (operation.op === "remove") delete parent[last];
  else parent[last] = structuredClone(operation.value);
}

function descend(parent: unknown, key: string, path: string): unknown {
  if (Array.isArray(parent)) return parent[Number(key)];
  if (isObject(parent) && Object.hasOwn(parent, key)) return parent[key];
  throw new Error(`the patch path ${path} is not there`);
}

/** RFC 6901 3: `~` and `/` inside a key. */
function child(path: string, key: string): string {
  return `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function unescapeKey(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
