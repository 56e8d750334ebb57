import { setTimeout as delay } from "node:timers/promises";
import {
  findMeshOwner,
  listMeshes,
  removeLeftovers,
  stateRoot,
} from "../../local/sandbox/state.ts";
import { UserError } from "../../local/user-error.ts";
import { type Command, meshHelp, meshOption, takePositionals, textOption } from "../command.ts";
import { defaultMeshName, findMesh } from "../mesh-client.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";

/** Longer than a mesh gives its pods to end. */
const timeout = 30_000;

export const downCommand: Command = {
  name: "down",
  summary: "end a mesh and everything that it made",
  usage: "down [--name MESH] [--output json]",
  options: { ...meshOption, ...outputOption },
  optionHelp: { ...meshHelp, ...outputHelp },
  examples: [
    ["remora down", "end the only mesh"],
    ["remora down --name staging", "end one of several"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const output = readOutputOption(args);
    const tell = (mesh: string, killed: boolean, text: string): void =>
      void process.stdout.write(output === "json" ? formatJson({ mesh, killed }) : `${text}\n`);
    const root = stateRoot(environment);
    const named = textOption(args, "name") ?? defaultMeshName;
    if (findMeshOwner(root, named) === undefined && listMeshes(root).includes(named)) {
      await removeLeftovers(root, named);
      tell(named, true, `mesh ${named} had been killed; what it left is removed`);
      return 0;
    }
    const mesh = findMesh(textOption(args, "name"), environment);
    await mesh.stop();
    const deadline = performance.now() + timeout;
    while (findMeshOwner(root, mesh.name) !== undefined) {
      if (performance.now() > deadline) {
        throw new UserError(
          `mesh ${mesh.name} is still ending`,
          "see what runs with: remora ps --all",
        );
      }
      await delay(20);
    }
    tell(mesh.name, false, `mesh ${mesh.name} is down`);
    return 0;
  },
};
