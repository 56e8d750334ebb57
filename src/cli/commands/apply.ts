import { UserError } from "../../local/user-error.ts";
import { type Command, meshHelp, meshOption, textOption } from "../command.ts";
import { readFileOptions } from "../file-options.ts";
import { findMesh } from "../mesh-client.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";

export const applyCommand: Command = {
  name: "apply",
  summary: "make a running mesh what manifests say: add, change and remove",
  usage: "apply -f DIR|FILE… [--name MESH] [--output json]",
  options: {
    ...meshOption,
    ...outputOption,
    filename: { type: "string", short: "f", multiple: true },
  },
  optionHelp: {
    filename: "files, folders, or - for standard input",
    ...meshHelp,
    ...outputHelp,
  },
  examples: [
    [
      "remora apply -f policy.yaml",
      "add or change what the file holds, remove what it held before",
    ],
    ["remora apply -f shop/", "the same for every file of a folder"],
    ["cat pod.yaml | remora apply -f -", "from standard input"],
  ],
  async run(args, environment) {
    const output = readOutputOption(args);
    const mesh = findMesh(textOption(args, "name"), environment);
    const { paths, readsInput } = readFileOptions(args);
    const text = readsInput ? await readInput() : undefined;
    const result = await mesh.apply({ paths, ...(text !== undefined && { text }) });
    for (const warning of result.warnings) process.stderr.write(`warning: ${warning}\n`);
    if (result.problems.length > 0) {
      throw new UserError(result.problems.join("\n"), "nothing was changed");
    }
    const { changes, warnings } = result;
    const lines = changes.map((line) => `${line}\n`).join("");
    process.stdout.write(output === "json" ? formatJson({ changes, warnings }) : lines);
    return 0;
  },
};

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
