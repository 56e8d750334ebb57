/** Documents as a file that `kubectl apply -f` takes. */
import type { Document } from "yaml";

/** Of several documents JSON has a List, as kubectl itself prints it. */
export function printManifests(documents: readonly Document[], format: "yaml" | "json"): string {
  if (format === "yaml") return documents.map(printYaml).join("");
  const objects = documents.map((document) => document.toJS() as unknown);
  const all =
    objects.length === 1 ? objects[0] : { apiVersion: "v1", kind: "List", items: objects };
  return `${JSON.stringify(all, null, 2)}\n`;
}

function printYaml(document: Document, index: number): string {
  if (index > 0 && document.directives !== undefined) document.directives.docStart = true;
  // Long lines, such as a base64 text, stay one line.
  return document.toString({ lineWidth: 0 });
}
