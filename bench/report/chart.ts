/** The README's chart: CPU per request and hop as bars, drawn by ECharts without a browser. */
import { type EChartsCoreOption, init } from "echarts";
import { columnsOf, cpuRows, figure, type Row } from "./figures.ts";
import type { Results } from "./results.ts";

const width = 1000;
const height = 430;
/** Told apart by people who see no red or no green. */
const colors = ["#0b6fa4", "#e69f00", "#7a8793", "#c3cad1"];
/** Drawn on white of its own, so that it reads the same on a light and on a dark page. */
const paper = "#ffffff";
const ink = "#24292f";
const faint = "#d8dee4";
const fontFamily = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
const margins = { left: 62, right: 16, top: 64, bottom: 92, between: 52 };

/** Throws an Error when there is not one figure to draw. */
export function drawChart(results: Results): string {
  const rows = cpuRows.filter((row) => figure(results, row, ["remora"]) !== undefined);
  if (rows.length === 0) throw new Error("the results hold no CPU per request of Remora");
  const drawn = columnsOf(results).filter(({ peers }) =>
    rows.some((row) => figure(results, row, peers) !== undefined),
  );
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption(describe(results, panels(rows), drawn));
    return chart.renderToSVGString();
  } finally {
    // A chart that is not disposed of keeps the process alive.
    chart.dispose();
  }
}

/** One connection costs several times what many cost, request by request: a scale of its own keeps the others readable. */
function panels(rows: readonly Row[]): readonly (readonly Row[])[] {
  const single = rows.filter(({ scenario }) => scenario.endsWith("-1"));
  const rest = rows.filter((row) => !single.includes(row));
  return [single, rest].filter((panel) => panel.length > 0);
}

function describe(
  results: Results,
  shown: readonly (readonly Row[])[],
  drawn: ReturnType<typeof columnsOf>,
): EChartsCoreOption {
  const grids = placePanels(shown);
  return {
    animation: false,
    backgroundColor: paper,
    color: colors,
    textStyle: { fontFamily },
    title: {
      text: "CPU time per request and hop (less is better)",
      left: "center",
      top: 12,
      textStyle: { color: ink, fontSize: 17, fontWeight: 600 },
    },
    legend: { bottom: 10, itemGap: 28, textStyle: { color: ink, fontSize: 13 } },
    grid: grids,
    xAxis: shown.map((rows, gridIndex) => ({
      type: "category",
      gridIndex,
      data: rows.map(({ label }) => label.replaceAll(", ", "\n")),
      axisLabel: { color: ink, interval: 0, fontSize: 12, lineHeight: 16 },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: ink } },
    })),
    yAxis: shown.map((_, gridIndex) => ({
      type: "value",
      gridIndex,
      ...(gridIndex === 0
        ? { name: "microseconds of CPU", nameLocation: "middle", nameGap: 40 }
        : {}),
      nameTextStyle: { color: ink, fontSize: 13 },
      axisLabel: { color: ink, fontSize: 12 },
      splitLine: { lineStyle: { color: faint } },
    })),
    series: drawn.flatMap(({ label, peers }, at) =>
      shown.map((rows, index) => ({
        name: label,
        type: "bar",
        xAxisIndex: index,
        yAxisIndex: index,
        itemStyle: { color: colors[at] },
        barCategoryGap: "22%",
        barGap: "8%",
        data: rows.map((row) => figure(results, row, peers)?.median.toFixed(1) ?? "-"),
        label: { show: true, position: "top", color: ink, fontSize: 10.5, formatter: short },
      })),
    ),
  };
}

/** Three digits are what a label has room for. */
function short({ value }: { readonly value: unknown }): string {
  const number = Number(value);
  return number >= 100 ? number.toFixed(0) : number.toFixed(1);
}

function placePanels(shown: readonly (readonly Row[])[]): object[] {
  const { left, right, top, bottom, between } = margins;
  const total = shown.reduce((sum, rows) => sum + rows.length, 0);
  const room = width - left - right - between * (shown.length - 1);
  let at = left;
  return shown.map((rows) => {
    const share = Math.round((room * rows.length) / total);
    const place = { left: at, width: share, top, bottom };
    at += share + between;
    return place;
  });
}
