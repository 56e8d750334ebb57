/** Reads the Prometheus text format, as a pod's sidecar serves it on port 15020. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const linePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"\s*(?:,\s*|$)/gy;
const escapes: Readonly<Record<string, string>> = { n: "\n", '"': '"', "\\": "\\" };

/** All samples in order. Throws on a line that is neither a comment nor a sample. */
export function parseMetricsText(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed !== "" && !trimmed.startsWith("#")) samples.push(parseLine(trimmed));
  }
  return samples;
}

function parseLine(line: string): Sample {
  const match = linePattern.exec(line);
  const value = parseValue(match?.[3] ?? "");
  if (match === null || value === undefined) throw new Error(`not a metric: ${line}`);
  return { name: match[1] ?? "", labels: parseLabels(match[2] ?? "", line), value };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const match of text.matchAll(labelPattern)) {
    labels[match[1] ?? ""] = (match[2] ?? "").replace(
      /\\(.)/g,
      (all, char: string) => escapes[char] ?? all,
    );
    end = match.index + match[0].length;
  }
  if (end !== text.length) throw new Error(`not a metric: ${line}`);
  return labels;
}

function parseValue(text: string): number | undefined {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  if (text === "NaN") return Number.NaN;
  const value = Number(text);
  return text === "" || Number.isNaN(value) ? undefined : value;
}
