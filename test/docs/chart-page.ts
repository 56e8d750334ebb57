/** charts/remora/README.md as values.yaml gives it: every value with its default and its comment. */
import { readFileSync } from "node:fs";
import { isMap, isScalar, parseDocument, type YAMLMap } from "yaml";

export interface ChartValue {
  readonly path: string;
  readonly fallback: string;
  /** Undefined when values.yaml says nothing about it. */
  readonly comment: string | undefined;
}

/** The leaves of values.yaml; a map with a comment of its own is a leaf. */
export function readChartValues(): readonly ChartValue[] {
  const document = parseDocument(readFileSync("charts/remora/values.yaml", "utf8"));
  if (!isMap(document.contents)) throw new Error("values.yaml is no map");
  return walk(document.contents, "", document.contents.commentBefore ?? undefined);
}

export function renderChartPage(): string {
  const rows = readChartValues().map(({ path, fallback, comment = "" }) => {
    return `| \`${path}\` | ${code(fallback)} | ${comment.replaceAll("|", "\\|").replace(/\.$/, "")} |`;
  });
  return `${introduction}${rows.join("\n")}\n`;
}

const introduction = `# The chart of Remora

    helm install remora charts/remora --namespace remora-system --create-namespace \\
      --set image.repository=registry.example/remora

[docs/kubernetes.md](../../docs/kubernetes.md) tells the rest: the image, upgrades, what each program may do, how to take it away.

## Values

This page is written by \`npm run docs\` from [values.yaml](values.yaml); [values.schema.json](values.schema.json) refuses what is misspelt.

| value | default | what it does |
| --- | --- | --- |
`;

/** The parser gives a map's first comment to the map itself. */
function walk(map: YAMLMap, prefix: string, first: string | undefined): readonly ChartValue[] {
  return map.items.flatMap((item, index) => {
    const { key, value } = item;
    if (!isScalar(key)) throw new Error("values.yaml: a key is no text");
    const path = `${prefix}${String(key.value)}`;
    const comment = readComment(key.commentBefore ?? (index === 0 ? first : undefined));
    if (isMap(value) && value.items.length > 0 && comment === undefined) {
      return walk(value, `${path}.`, value.commentBefore ?? undefined);
    }
    const fallback = isScalar(value) ? value.value : (value as YAMLMap).toJSON();
    return [{ path, fallback: JSON.stringify(fallback), comment }];
  });
}

function readComment(text: string | null | undefined): string | undefined {
  const comment = /^ -- (.+)$/m.exec(text ?? "")?.[1];
  return comment?.trim();
}

function code(text: string): string {
  return text === '""' ? "empty" : `\`${text}\``;
}
