import { UserError } from "../../local/user-error.ts";
import { listInstalledObjects } from "../chart/installed-objects.ts";
import { chartHelp, chartOptions, renderChart } from "../chart/render-chart.ts";
import { openCluster } from "../cluster.ts";
import {
  accessHelp,
  accessOptions,
  meshNamespace,
  readClusterOptions,
} from "../cluster-options.ts";
import { type Command, takePositionals } from "../command.ts";

export const upgradeCommand: Command = {
  name: "upgrade",
  summary: "print the manifests of this version, for a mesh that is installed",
  usage: "upgrade --set image.repository=IMAGE [--set KEY=VALUE…] [--values FILE…] [--output json]",
  options: { ...chartOptions, ...accessOptions },
  optionHelp: { ...chartHelp, ...accessHelp },
  examples: [
    [
      "remora upgrade --values values.yaml | kubectl apply --server-side -f -",
      "with the values of the installation; then: remora check --wait",
    ],
  ],
  async run(args, environment) {
    takePositionals(args);
    const cluster = await openCluster(readClusterOptions(args, environment));
    try {
      const { objects, helmRelease } = await listInstalledObjects(cluster);
      if (!objects.some(({ kind }) => kind === "Deployment")) {
        throw new UserError("there is no mesh to upgrade", "remora install prints a new one");
      }
      if (helmRelease !== undefined) {
        throw new UserError(
          "this mesh is a release of Helm, which would lose track of it",
          `helm upgrade ${helmRelease} charts/remora --namespace ${meshNamespace} --reuse-values`,
        );
      }
    } finally {
      cluster.close();
    }
    process.stdout.write(renderChart(args, environment));
    return 0;
  },
};
