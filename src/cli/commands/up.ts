import { parseDuration } from "../../core/duration.ts";
import { detectPrivileges } from "../../local/sandbox/privileges.ts";
import { stateRoot } from "../../local/sandbox/state.ts";
import { reexecInUserNamespace } from "../../local/sandbox/user-namespace.ts";
import { UserError } from "../../local/user-error.ts";
import {
  type Arguments,
  type Command,
  type Environment,
  meshOption,
  textOption,
  UsageError,
} from "../command.ts";
import { readFileOptions } from "../file-options.ts";
import { defaultMeshName } from "../mesh-client.ts";
import type { UpConfig } from "../up-config.ts";
import { upDetached } from "../up-detached.ts";
import { upForeground } from "../up-foreground.ts";

export const upCommand: Command = {
  name: "up",
  summary: "start a mesh of the pods that manifests describe",
  usage: "up -f DIR|FILE… [--name MESH] [--detach] [--timeout 60s]",
  options: {
    ...meshOption,
    filename: { type: "string", short: "f", multiple: true },
    detach: { type: "boolean", short: "d" },
    timeout: { type: "string" },
    "no-watch": { type: "boolean" },
    // The background program of --detach, started by the command itself.
    supervise: { type: "boolean" },
  },
  optionHelp: {
    filename: "files and folders of Kubernetes manifests",
    name: `a name for the mesh (${defaultMeshName} when left out), so that several can run`,
    detach: "return when every pod is ready: 0, or 1 and what is not ready and why",
    timeout: "how long to wait for the pods, 60s when left out",
    "no-watch": "do not read the manifests again when they change",
  },
  examples: [
    ["remora up -f examples/shop/manifests", "in the foreground, with all logs; Ctrl-C ends it"],
    ["remora up -f shop/ --detach --timeout 30s", "in the background"],
    ["remora up -f a.yaml b.yaml --name test", "two files, beside another mesh"],
  ],
  async run(args, environment) {
    const config = readConfig(args, environment);
    const privileges = detectPrivileges();
    if (privileges.kind === "insufficient") throw new UserError(privileges.reason);
    if (args.values["detach"] === true) return await upDetached(config);
    if (privileges.kind === "user-namespace") return await reexecInUserNamespace(environment);
    return await upForeground(config, args.values["supervise"] === true);
  },
};

function readConfig(args: Arguments, environment: Environment): UpConfig {
  const { paths, readsInput } = readFileOptions(args);
  if (readsInput) throw new UsageError("up cannot read standard input; use apply -f - afterwards");
  const timeoutText = textOption(args, "timeout") ?? "60s";
  const timeout = parseDuration(timeoutText);
  if (timeout === undefined) {
    throw new UsageError(`--timeout is "${timeoutText}", and must be a duration such as 60s`);
  }
  return {
    name: textOption(args, "name") ?? environment["REMORA_MESH"] ?? defaultMeshName,
    paths,
    timeout,
    timeoutText,
    watch: args.values["no-watch"] !== true,
    stateRoot: stateRoot(environment),
    workingDir: process.cwd(),
    searchPath: environment["PATH"],
    environment,
  };
}
