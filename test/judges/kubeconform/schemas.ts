/** JSON schemas of Kubernetes kinds, made from what an API server says of itself. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

type Schema = { [key: string]: unknown };

interface OpenApi {
  readonly definitions: Readonly<Record<string, Schema>>;
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** For kubeconform's `-schema-location`. */
export const schemaTemplate = "{{ .ResourceKind }}{{ .KindSuffix }}.json";

/** One file for each kind and version, with all that it refers to; unknown fields are refused. Gives their number. */
export function writeSchemas(openApi: string, folder: string): number {
  const { definitions } = JSON.parse(openApi) as OpenApi;
  let count = 0;
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition["x-kubernetes-group-version-kind"] ??
      []) as readonly GroupVersionKind[];
    // Types such as DeleteOptions belong to every group.
    if (kinds.length !== 1) continue;
    const [{ group, version, kind } = { group: "", version: "", kind: "" }] = kinds;
    const used: Record<string, Schema> = {};
    collect(name, definitions, used);
    const first = group.split(".")[0] ?? "";
    const suffix = first === "" ? `-${version}` : `-${first}-${version}`;
    const schema = { $ref: pointer(name), definitions: used };
    writeFileSync(join(folder, `${kind.toLowerCase()}${suffix}.json`), JSON.stringify(schema));
    count += 1;
  }
  return count;
}

function collect(
  name: string,
  definitions: Readonly<Record<string, Schema>>,
  used: Record<string, Schema>,
): void {
  if (used[name] !== undefined) return;
  const strict = tighten(definitions[name] ?? {}) as Schema;
  used[name] = strict;
  for (const [, other = ""] of JSON.stringify(strict).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    collect(other, definitions, used);
  }
}

/** What OpenAPI 2 cannot say: a number or a text, null for an empty field, and no fields but these. */
function tighten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tighten);
  if (typeof value !== "object" || value === null) return value;
  const schema = value as Schema;
  if (schema["format"] === "int-or-string") return { type: ["string", "integer"] };
  const entries = Object.entries(schema)
    // Formats of Kubernetes' own are no formats of JSON Schema; a field may well be named format.
    .filter(([key, child]) => key !== "format" || typeof child !== "string")
    .map(([key, child]) => [key, tighten(child)] as const);
  const made: Schema = Object.fromEntries(entries);
  // Older API servers list a value once for each of its names.
  if (Array.isArray(made["enum"])) made["enum"] = [...new Set(made["enum"])];
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const hasFields = typeof schema["properties"] === "object" && schema["type"] === "object";
  if (hasFields && !isOpen && schema["additionalProperties"] === undefined) {
    made["additionalProperties"] = false;
  }
  return made;
}

function pointer(name: string): string {
  return `#/definitions/${name}`;
}
