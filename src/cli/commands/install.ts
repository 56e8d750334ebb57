import { chartHelp, chartOptions, renderChart } from "../chart/render-chart.ts";
import { type Command, takePositionals } from "../command.ts";

export const installCommand: Command = {
  name: "install",
  summary: "print the manifests of the mesh's installation, for kubectl apply",
  usage: "install --set image.repository=IMAGE [--set KEY=VALUE…] [--values FILE…] [--output json]",
  options: chartOptions,
  optionHelp: chartHelp,
  examples: [
    [
      "remora install --set image.repository=registry.example/remora | kubectl apply --server-side -f -",
      "then: remora check --wait",
    ],
    ["remora install --values values.yaml > remora.yaml", "to read it first, or for GitOps"],
  ],
  async run(args, environment) {
    takePositionals(args);
    process.stdout.write(renderChart(args, environment));
    return 0;
  },
};
