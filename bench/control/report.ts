/** The figures of the control plane as one table. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the design allows. */
  readonly budget?: { readonly most: number } | { readonly least: number };
}

export interface ControlResults {
  readonly date: string;
  readonly kind: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly size: { readonly pods: number; readonly services: number };
  readonly proxies: number;
  readonly figures: readonly Figure[];
}

export function controlTable({ date, machine, size, proxies, figures }: ControlResults): string {
  const rows = figures.map(({ name, value, unit, budget }) => {
    const cells = [name, `${format(value)} ${unit}`.trim(), describe(budget), judge(value, budget)];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    `# Control plane, ${date}`,
    "",
    `${size.pods} pods, ${size.services} services, ${proxies} proxies that follow 20 services each;`,
    "control and identity on one core, API server and proxies on the other.",
    "",
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join("; "),
    "",
    "| figure | found | budget | |",
    "| --- | ---: | ---: | --- |",
    ...rows,
    "",
  ].join("\n");
}

function format(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function describe(budget: Figure["budget"]): string {
  if (budget === undefined) return "";
  return "most" in budget ? `≤ ${budget.most}` : `≥ ${budget.least}`;
}

function judge(value: number, budget: Figure["budget"]): string {
  if (budget === undefined) return "";
  const passes = "most" in budget ? value <= budget.most : value >= budget.least;
  return passes ? "pass" : "**fail**";
}
