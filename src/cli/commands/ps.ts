import type { PodSummary } from "../../local/api/messages.ts";
import { systemNamespace } from "../../local/control-plane.ts";
import { paint } from "../colour.ts";
import {
  type Arguments,
  type Command,
  meshHelp,
  meshOption,
  namespaceOption,
  takePositionals,
  textOption,
} from "../command.ts";
import { findMesh } from "../mesh-client.ts";
import { formatJson, outputOption, readOutputOption } from "../output-option.ts";
import { formatAge, formatTable } from "../table.ts";

export const psCommand: Command = {
  name: "ps",
  summary: "list the pods with their state and identity",
  usage: "ps [-n NAMESPACE] [--all] [--output json] [--name MESH]",
  options: {
    ...meshOption,
    ...namespaceOption,
    all: { type: "boolean", short: "A" },
    ...outputOption,
  },
  optionHelp: {
    namespace: `only this namespace; ${systemNamespace} is the control plane's`,
    all: "with the control plane's own pods",
    output: "json: an array with one object for each pod",
    ...meshHelp,
  },
  examples: [
    ["remora ps", "all pods but the control plane's"],
    ["remora ps -n shop", "the pods of one namespace"],
    ["remora ps --output json", "for programs: pids, readiness, restarts of every container"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const output = readOutputOption(args);
    const pods = await findMesh(textOption(args, "name"), environment).pods();
    const chosen = pods.filter((pod) => isChosen(pod, args));
    process.stdout.write(output === "json" ? formatReports(chosen) : formatPods(chosen));
    return 0;
  },
};

function isChosen(pod: PodSummary, args: Arguments): boolean {
  const namespace = textOption(args, "namespace");
  if (namespace !== undefined) return pod.namespace === namespace;
  return args.values["all"] === true || pod.namespace !== systemNamespace;
}

/** Exactly the documented fields. */
function formatReports(pods: readonly PodSummary[]): string {
  const reports = pods.map(({ namespace, name, ip, identity, ready, containers }) => {
    return { namespace, name, ip, identity, ready, containers };
  });
  return formatJson(reports);
}

function formatPods(pods: readonly PodSummary[]): string {
  if (pods.length === 0) return "there are no pods\n";
  const head = ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "IDENTITY"];
  const table = formatTable([head, ...pods.map(formatRow)]);
  const troubles = pods.flatMap(({ name, reason }) =>
    reason === undefined ? [] : [paint(process.stdout, "yellow", `${name}: ${reason}\n`)],
  );
  return `${table}${troubles.length > 0 ? "\n" : ""}${troubles.join("")}`;
}

function formatRow(pod: PodSummary): string[] {
  const ready = pod.containers.filter((container) => container.ready).length;
  const restarts = pod.containers.reduce((sum, container) => sum + container.restarts, 0);
  return [
    pod.namespace,
    pod.name,
    `${ready}/${pod.containers.length}`,
    pod.phase === "Running" && !pod.ready ? "NotReady" : pod.phase,
    String(restarts),
    formatAge(pod.age),
    pod.ip,
    pod.identity ?? "-",
  ];
}
