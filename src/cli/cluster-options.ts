/** Which cluster a command talks to, in the same words as kubectl's. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { ParseArgsOptionsConfig } from "node:util";
import { UserError } from "../local/user-error.ts";
import { type Arguments, type Environment, textOption } from "./command.ts";

/** For commands about a whole cluster. */
export const accessOptions: ParseArgsOptionsConfig = {
  kubeconfig: { type: "string" },
  context: { type: "string" },
};
export const accessHelp: Readonly<Record<string, string>> = {
  kubeconfig: "file that says how to reach the cluster; else $KUBECONFIG, else ~/.kube/config",
  context: "context of that file; its current one when left out",
};

/** For commands about objects of a namespace. */
export const clusterOptions: ParseArgsOptionsConfig = {
  ...accessOptions,
  namespace: { type: "string", short: "n" },
};
export const clusterHelp: Readonly<Record<string, string>> = {
  ...accessHelp,
  namespace: "namespace to look in; the context's own when left out",
};

/** Where the programs of the mesh run; sidecars accept no other place. */
export const meshNamespace = "remora-system";

export interface ClusterChoice {
  /** Files, the first one wins; none inside a pod, whose service account is used then. */
  readonly kubeconfigs: readonly string[];
  readonly context: string | undefined;
  readonly namespace: string | undefined;
}

/** Throws a UserError when no cluster is named or a file is not there. */
export function readClusterOptions(args: Arguments, environment: Environment): ClusterChoice {
  return {
    kubeconfigs: findKubeconfigs(textOption(args, "kubeconfig"), environment),
    context: textOption(args, "context"),
    namespace: textOption(args, "namespace"),
  };
}

function findKubeconfigs(given: string | undefined, environment: Environment): readonly string[] {
  if (given !== undefined) {
    if (!existsSync(given)) throw new UserError(`${given}: no such kubeconfig`);
    return [given];
  }
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) {
    const found = listed.filter((path) => existsSync(path));
    if (found.length > 0) return found;
    throw new UserError(`$KUBECONFIG names ${listed.join(", ")}, which is not there`);
  }
  const standard = join(environment["HOME"] ?? homedir(), ".kube", "config");
  if (existsSync(standard)) return [standard];
  if (environment["KUBERNETES_SERVICE_HOST"] !== undefined) return [];
  throw new UserError(
    "no cluster is named: there is neither $KUBECONFIG nor ~/.kube/config",
    "name one with --kubeconfig FILE",
  );
}
