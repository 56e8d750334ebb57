import { stringify } from "yaml";
import { UserError } from "../../local/user-error.ts";
import {
  listInstalledObjects,
  listPolicyKinds,
  type ObjectName,
} from "../chart/installed-objects.ts";
import { nameOf } from "../check/objects.ts";
import { findCandidates, isMeshed } from "../check/workloads.ts";
import { type Cluster, openCluster } from "../cluster.ts";
import {
  accessHelp,
  accessOptions,
  meshNamespace,
  readClusterOptions,
} from "../cluster-options.ts";
import { type Command, takePositionals } from "../command.ts";
import { formatJson, outputOption, readOutputOption } from "../output-option.ts";

/** Enough to see which workloads are meant. */
const shownPods = 5;

export const uninstallCommand: Command = {
  name: "uninstall",
  summary: "print what an uninstall must delete, for kubectl delete",
  usage: "uninstall [--policies] [--force] [--output json]",
  options: {
    policies: { type: "boolean" },
    force: { type: "boolean" },
    ...accessOptions,
    ...outputOption,
  },
  optionHelp: {
    policies: "also the kinds of policies, and with them every policy",
    force: "even if pods still have sidecars, whose certificates then run out",
    ...accessHelp,
    output: "json, for programs; YAML when left out",
  },
  examples: [
    ["remora uninstall | kubectl delete --ignore-not-found -f -", "all but the policies"],
    ["remora uninstall --policies | kubectl delete --ignore-not-found -f -", "all of it"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const format = readOutputOption(args);
    const cluster = await openCluster(readClusterOptions(args, environment));
    try {
      const { objects, helmRelease } = await listInstalledObjects(cluster);
      if (helmRelease !== undefined) {
        throw new UserError(
          "this mesh is a release of Helm, which takes it away itself",
          `helm uninstall ${helmRelease} --namespace ${meshNamespace}`,
        );
      }
      if (args.values["force"] !== true) await refuseWhileMeshed(cluster);
      const kinds = args.values["policies"] === true ? await listPolicyKinds(cluster) : [];
      const all = [...objects, ...kinds];
      if (all.length === 0) throw new UserError("there is no mesh to uninstall");
      process.stdout.write(format === "json" ? formatJson(listOf(all)) : formatYaml(all));
      return 0;
    } finally {
      cluster.close();
    }
  },
};

/** A sidecar without identity carries traffic for as long as its certificate lasts, an hour as a rule. */
async function refuseWhileMeshed(cluster: Cluster): Promise<void> {
  const pods = (await findCandidates(cluster)).filter(isMeshed);
  if (pods.length === 0) return;
  const names = pods.slice(0, shownPods).map(nameOf).join(", ");
  const more = pods.length > shownPods ? " and others" : "";
  throw new UserError(
    `${pods.length} ${pods.length === 1 ? "pod still has a sidecar" : "pods still have sidecars"}: ${names}${more}`,
    "take the label remora.dev/inject off and restart their workloads first, or say --force",
  );
}

function listOf(items: readonly ObjectName[]): object {
  return { apiVersion: "v1", kind: "List", items };
}

function formatYaml(objects: readonly ObjectName[]): string {
  return objects.map((object) => `---\n${stringify(object)}`).join("");
}
