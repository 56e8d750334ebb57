/** The mesh in the cluster: installed by its chart, as an operator would. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { succeed } from "../cli/cli.ts";
import { buildGoJudge } from "../support/go-judge.ts";
import { awaitRollout, image, kubectl, project } from "./kube.ts";

const run = promisify(execFile);
export const meshNamespace = "remora-system";
export const meshPrograms: readonly string[] = [
  "remora-identity",
  "remora-control",
  "remora-injector",
];

/** Installs the chart, or upgrades what is there to the given values; returns when every program is ready. */
export async function installMesh(...values: readonly string[]): Promise<void> {
  const colon = image.lastIndexOf(":");
  const sets = [
    `image.repository=${image.slice(0, colon)}`,
    `image.tag=${image.slice(colon + 1)}`,
    "image.pullPolicy=IfNotPresent",
    ...values,
  ].flatMap((value) => ["--set", value]);
  const chart = join(project, "charts/remora");
  await helm("upgrade", "--install", "remora", chart, "--create-namespace", ...sets);
  for (const name of meshPrograms) await awaitRollout(meshNamespace, `deployment/${name}`);
}

export async function uninstallMesh(): Promise<void> {
  await helm("uninstall", "remora", "--wait", "--timeout=2m");
  await kubectl(["delete", "namespace", meshNamespace, "--timeout=2m"]);
}

/** Runs the command line on the cluster; gives what it printed, and throws with it when it fails. */
export function remora(...args: readonly string[]): Promise<string> {
  return succeed(args, { KUBECONFIG: process.env["KUBECONFIG"] ?? "" });
}

async function helm(...args: readonly string[]): Promise<void> {
  const module = join(project, "test/judges/helm");
  const folder = await buildGoJudge(module, ["helm.sh/helm/v3/cmd/helm"]);
  await run(join(folder, "helm"), [...args, "--namespace", meshNamespace]);
}
