import { findPrograms } from "../../local/programs.ts";
import type { Command } from "../command.ts";

export const versionCommand: Command = {
  name: "version",
  summary: "print the version of remora and of the Node that it runs on",
  usage: "version",
  options: {},
  optionHelp: {},
  examples: [["remora version", "remora 0.1.0, node 26.10.0"]],
  async run() {
    process.stdout.write(`remora ${findPrograms().version}, node ${process.versions.node}\n`);
    return 0;
  },
};
