import {
  type Command,
  meshHelp,
  meshOption,
  namespaceHelp,
  namespaceOption,
  takePositionals,
  textOption,
} from "../command.ts";
import { findMesh } from "../mesh-client.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";

export const deleteCommand: Command = {
  name: "delete",
  summary: "end a pod; its controller makes another one",
  usage: "delete POD [-n NAMESPACE] [--name MESH] [--output json]",
  options: { ...meshOption, ...namespaceOption, ...outputOption },
  optionHelp: { ...namespaceHelp, ...meshHelp, ...outputHelp },
  examples: [
    ["remora delete web-5d4f7c-x2b9q", "one pod; a Deployment replaces it"],
    ["remora delete deploy/web", "a Deployment with all its pods"],
  ],
  async run(args, environment) {
    const [target = ""] = takePositionals(args, "POD");
    const output = readOutputOption(args);
    const mesh = findMesh(textOption(args, "name"), environment);
    const deleted = await mesh.delete(target, textOption(args, "namespace"));
    process.stdout.write(output === "json" ? formatJson({ deleted }) : `${deleted} deleted\n`);
    return 0;
  },
};
