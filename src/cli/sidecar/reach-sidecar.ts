/**
 * The admin socket of one pod's sidecar. Nobody reaches it from outside its container, so a small program is run inside:
 * in a cluster through the API server, in a local mesh through the mesh's own socket.
 */
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { delimiter } from "node:path/posix";
import { proxyContainerName } from "../../../injector/options.ts";
import { seconds } from "../../core/duration.ts";
import { createFrameReader } from "../../local/api/exec-frames.ts";
import { findMeshOwner, listMeshes, stateRoot } from "../../local/sandbox/state.ts";
import { UserError } from "../../local/user-error.ts";
import { openCluster } from "../cluster.ts";
import { type ClusterChoice, clusterOptions, readClusterOptions } from "../cluster-options.ts";
import { type Arguments, type Environment, meshOption, textOption } from "../command.ts";
import { findMesh } from "../mesh-client.ts";
import { findMeshedPod } from "./find-pod.ts";

export const sidecarOptions: typeof clusterOptions = { ...clusterOptions, ...meshOption };
export const sidecarHelp: Readonly<Record<string, string>> = {
  namespace: "the pod's namespace",
  kubeconfig: "a pod of this cluster; else of a mesh on this machine, else of $KUBECONFIG",
  context: "context of the kubeconfig",
  name: "a pod of this mesh on this machine",
};

/** A program that starts Node on a busy machine; far more than it needs. */
const timeout = seconds(30);
/** Beside the sidecar, which shares its memory limit; the program holds one page. */
const adminHeap = "--max-heap-size=32";

export type AskSidecar = (method: string, path: string) => Promise<string>;

/** Throws a UserError when there is no such pod, no sidecar in it, or no answer from it. */
export async function reachSidecar(
  target: string,
  args: Arguments,
  environment: Environment,
): Promise<AskSidecar> {
  if (isLocal(args, environment)) return askLocally(target, args, environment);
  return await askInCluster(target, readClusterOptions(args, environment));
}

/** What is said on the command line goes first, then a mesh that runs here. */
export function isLocal(args: Arguments, environment: Environment): boolean {
  if (textOption(args, "name") !== undefined) return true;
  if (textOption(args, "kubeconfig") !== undefined) return false;
  if (textOption(args, "context") !== undefined) return false;
  if (environment["REMORA_MESH"] !== undefined) return true;
  const root = stateRoot(environment);
  return listMeshes(root).some((mesh) => findMeshOwner(root, mesh) !== undefined);
}

async function askInCluster(target: string, choice: ClusterChoice): Promise<AskSidecar> {
  const cluster = await openCluster(choice);
  const namespace = choice.namespace ?? cluster.client.namespace ?? "default";
  const pod = await findMeshedPod(cluster, namespace, target).finally(() => cluster.close());
  const { execInPod } = await import("../../kubernetes/exec.ts");
  const { kubeconfigs, context } = choice;
  const connection = {
    ...(kubeconfigs.length > 0 && { kubeconfig: kubeconfigs.join(delimiter) }),
    ...(context !== undefined && { context }),
  };
  const start = adminCommand(pod.sidecar.command ?? []);
  return async (method, path) => {
    const place = { namespace, pod: pod.name, container: proxyContainerName };
    const command = [...start, method, path];
    const { code, stdout, stderr } = await execInPod(connection, { ...place, command }, timeout);
    if (code !== 0) throw refused(pod.name, stderr);
    return stdout;
  };
}

/** The same Node and the same folder as the sidecar's own. */
function adminCommand(sidecar: readonly string[]): readonly string[] {
  const [node = "node"] = sidecar;
  const folder = dirname(sidecar.find((word) => word.endsWith("/proxy.js")) ?? "/opt/remora/");
  return [node, adminHeap, join(folder, "remora.js"), "admin"];
}

function askLocally(target: string, args: Arguments, environment: Environment): AskSidecar {
  const mesh = findMesh(textOption(args, "name"), environment);
  const program = realpathSync(process.argv[1] ?? "");
  return async (method, path) => {
    const stream = await mesh.exec({
      namespace: textOption(args, "namespace"),
      target,
      container: proxyContainerName,
      command: [process.execPath, adminHeap, program, "admin", method, path],
      stdin: false,
    });
    const output: Readonly<Record<string, Buffer[]>> = { stdout: [], stderr: [], failure: [] };
    let code = 1;
    const read = createFrameReader(({ kind, payload }) => {
      if (kind === "exit") code = Number(payload.toString());
      else output[kind]?.push(Buffer.from(payload));
    });
    for await (const chunk of stream as AsyncIterable<Buffer>) read(chunk);
    const text = (kind: string): string => Buffer.concat(output[kind] ?? []).toString("utf8");
    if (code !== 0) throw refused(target, text("failure") || text("stderr"));
    return text("stdout");
  };
}

function refused(pod: string, words: string): UserError {
  const [line = ""] = words.trim().split("\n").slice(-1);
  return new UserError(`the sidecar of ${pod} did not answer: ${line === "" ? "no word" : line}`);
}
