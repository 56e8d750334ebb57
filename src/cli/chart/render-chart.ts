/** The chart that comes with this program, rendered by Helm. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { ParseArgsOptionsConfig } from "node:util";
import { parseAllDocuments } from "yaml";
import { findPrograms } from "../../local/programs.ts";
import { UserError } from "../../local/user-error.ts";
import { meshNamespace } from "../cluster-options.ts";
import { type Arguments, type Environment, textOptions } from "../command.ts";
import { formatJson, outputOption, readOutputOption } from "../output-option.ts";

export const chartOptions: ParseArgsOptionsConfig = {
  set: { type: "string", multiple: true },
  values: { type: "string", short: "f", multiple: true },
  ...outputOption,
};
export const chartHelp: Readonly<Record<string, string>> = {
  set: "one value of the chart, as key=value; may be given several times",
  values: "a file with values of the chart; may be given several times",
  output: "json, for programs; YAML when left out",
};

const howToGetHelm = `get it from https://helm.sh/docs/intro/install/, for example with one of
  brew install helm
  apt-get install helm    (after https://helm.sh/docs/intro/install/#from-apt-debianubuntu)
  go install helm.sh/helm/v3/cmd/helm@v3.22.0
or install the chart by yourself, from the folder charts/remora of this program`;

/** The manifests as they were asked for, CRDs and namespace included. Throws a UserError with Helm's own sentence. */
export function renderChart(args: Arguments, environment: Environment): string {
  const format = readOutputOption(args);
  const helm = findHelm(environment);
  const values = textOptions(args, "values").map((file) => {
    if (existsSync(file)) return resolve(file);
    throw new UserError(`${file}: no such file of values`);
  });
  const command = [
    "template",
    "remora",
    join(findPrograms().root, "charts", "remora"),
    `--namespace=${meshNamespace}`,
    "--set=namespace.create=true",
    // Without a cluster Helm takes its own build's version; `remora check` looks at the real one.
    "--kube-version=1.29.0",
    ...values.flatMap((file) => ["--values", file]),
    ...textOptions(args, "set").flatMap((pair) => ["--set", pair]),
  ];
  const { status, stdout, stderr, error } = spawnSync(helm, command, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw new UserError(`helm cannot be started: ${error.message}`);
  if (status !== 0) throw new UserError(extractReason(stderr), "nothing was printed");
  return format === "json" ? formatJson(listOf(stdout)) : stdout;
}

function listOf(manifests: string): object {
  const items = Array.from(parseAllDocuments(manifests), (document) => document.toJS() as unknown);
  return { apiVersion: "v1", kind: "List", items: items.filter((item) => item !== null) };
}

function findHelm(environment: Environment): string {
  const given = environment["REMORA_HELM"];
  if (given !== undefined && given !== "") return given;
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const found = folders.map((folder) => join(folder, "helm")).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new UserError("helm renders the chart, and there is none in $PATH", howToGetHelm);
}

/** `Error: execution error at (remora/templates/x.yaml:1:3): the sentence`: only the sentence helps. */
function extractReason(stderr: string): string {
  const text = stderr.replace(/\n+Use --debug flag.*\n*/, "").trim();
  return text.replace(/^Error: (execution error at \([^)]*\): )?/, "");
}
