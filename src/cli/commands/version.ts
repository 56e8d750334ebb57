import { findPrograms } from "../../local/programs.ts";
import { type Command, takePositionals } from "../command.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";

export const versionCommand: Command = {
  name: "version",
  summary: "print the version of remora and of the Node that it runs on",
  usage: "version [--output json]",
  options: outputOption,
  optionHelp: outputHelp,
  examples: [["remora version", "remora 0.1.0, node 26.10.0"]],
  async run(args) {
    takePositionals(args);
    const { version: remora } = findPrograms();
    const { node } = process.versions;
    const isJson = readOutputOption(args) === "json";
    process.stdout.write(
      isJson ? formatJson({ remora, node }) : `remora ${remora}, node ${node}\n`,
    );
    return 0;
  },
};
