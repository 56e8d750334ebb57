/** `remora ca`: the authority of a cluster's mesh. Identity's leader acts; these commands ask it and show what it says. */
import { randomUUID } from "node:crypto";
import {
  type AuthorityStatus,
  authorityMap,
  formatRequest,
  readStatus,
  rotateAnnotation,
} from "../../identity/cluster/authority-status.ts";
import type { StoredObject } from "../../identity/cluster/stored-objects.ts";
import { UserError } from "../../local/user-error.ts";
import { formatAuthority } from "../authority-table.ts";
import { type Cluster, openCluster } from "../cluster.ts";
import {
  accessHelp,
  accessOptions,
  meshNamespace,
  readClusterOptions,
} from "../cluster-options.ts";
import { type Arguments, type Command, type Environment, takePositionals } from "../command.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";

const mapPath = `/api/v1/namespaces/${meshNamespace}/configmaps/${authorityMap}`;

const caStatusCommand: Command = {
  name: "ca status",
  summary: "show roots, issuer, and which pods know which roots",
  usage: "ca status [--output json] [--kubeconfig FILE] [--context NAME]",
  options: { ...accessOptions, ...outputOption },
  optionHelp: { ...outputHelp, ...accessHelp },
  examples: [
    ["remora ca status", "how far a rotation is, and who it waits for"],
    ["remora ca status -o json", "the same for programs"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const output = readOutputOption(args);
    const status = await withCluster(args, environment, readAuthority);
    process.stdout.write(output === "json" ? formatJson(status) : formatAuthority(status));
    return 0;
  },
};

const caRotateCommand: Command = {
  name: "ca rotate",
  summary: "replace the mesh's root, without a failed connection",
  usage: "ca rotate [--force] [--output json] [--kubeconfig FILE] [--context NAME]",
  options: { ...accessOptions, ...outputOption, force: { type: "boolean" } },
  optionHelp: {
    force: "switch although pods do not know the new root; they lose the mesh until they do",
    ...outputHelp,
    ...accessHelp,
  },
  examples: [
    ["remora ca rotate", "begin; identity does the rest, and remora ca status shows it"],
    ["remora ca rotate --force", "let a rotation go on that waits for pods that are beyond help"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const output = readOutputOption(args);
    const force = args.values["force"] === true;
    const { phase } = await withCluster(args, environment, async (cluster) => {
      const before = await readAuthority(cluster);
      if (before.origin === "given") {
        throw new UserError(
          "the issuer is not made by identity",
          "replace it where it comes from, such as cert-manager; identity follows",
        );
      }
      if (before.phase === "idle" || force) await askToRotate(cluster, force);
      return before;
    });
    const asked = phase === "idle" || force;
    process.stdout.write(
      output === "json" ? formatJson({ asked, phase, force }) : answerTo(phase, force),
    );
    return 0;
  },
};

export const caCommands: readonly Command[] = [caStatusCommand, caRotateCommand];

function answerTo(phase: AuthorityStatus["phase"], force: boolean): string {
  if (phase === "idle") return "asked; watch it with: remora ca status\n";
  const already = `a rotation is under way already (${phase})`;
  return force ? `${already}, and is asked to go on\n` : `${already}; see: remora ca status\n`;
}

async function withCluster<T>(
  args: Arguments,
  environment: Environment,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await openCluster(readClusterOptions(args, environment));
  try {
    return await work(cluster);
  } finally {
    cluster.close();
  }
}

async function askToRotate({ client }: Cluster, force: boolean): Promise<void> {
  const request = formatRequest({ id: randomUUID(), force });
  await client.request({
    method: "PATCH",
    path: mapPath,
    contentType: "application/merge-patch+json",
    body: { metadata: { annotations: { [rotateAnnotation]: request } } },
  });
}

async function readAuthority(cluster: Cluster): Promise<AuthorityStatus> {
  const status = readStatus(await cluster.get<StoredObject>(mapPath));
  if (status !== undefined) return status;
  throw new UserError(
    `there is no authority in ${meshNamespace}`,
    "is the mesh installed, and does remora-identity run? see: remora check",
  );
}
