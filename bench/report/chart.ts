/** The README's chart: CPU per request and hop as bars, drawn by ECharts without a browser. */
import { init } from "echarts";
import { columns, cpuRows, figure } from "./figures.ts";
import type { Results } from "./results.ts";

const width = 860;
const height = 380;
/** Told apart by people who see no red or no green, on a light and on a dark page. */
const colors = ["#0072b2", "#e69f00", "#8c8c8c", "#bdbdbd"];
const ink = "#767676";

/** Throws an Error when there is not one figure to draw. */
export function drawChart(results: Results): string {
  const rows = cpuRows.filter((row) => figure(results, row, ["remora"]) !== undefined);
  if (rows.length === 0) throw new Error("the results hold no CPU per request of Remora");
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "transparent",
      color: colors,
      title: {
        text: "CPU per request and hop, µs (less is better)",
        left: "center",
        textStyle: { color: ink, fontSize: 15 },
      },
      legend: { bottom: 0, textStyle: { color: ink } },
      grid: { left: 10, right: 10, top: 45, bottom: 40, containLabel: true },
      xAxis: {
        type: "category",
        data: rows.map(({ label }) => label.replace(", ", "\n")),
        axisLabel: { color: ink, interval: 0 },
      },
      yAxis: { type: "value", axisLabel: { color: ink } },
      series: columns.map(({ label, peers }) => ({
        name: label,
        type: "bar",
        data: rows.map((row) => figure(results, row, peers)?.median.toFixed(1) ?? "-"),
        label: { show: true, position: "top", color: ink, fontSize: 10 },
      })),
    });
    return chart.renderToSVGString();
  } finally {
    // A chart that is not disposed of keeps the process alive.
    chart.dispose();
  }
}
