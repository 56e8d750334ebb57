/** docs/cli.md as the table of commands gives it, with what each prints where that was kept. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../../src/cli/command.ts";
import { commandGroups } from "../../src/cli/registry.ts";

export function renderCliPage(): string {
  const sections = commandGroups.map(({ title, commands }) => {
    return `## ${title}\n\n${commands.map(formatCommand).join("\n")}`;
  });
  return `${introduction}\n${sections.join("\n")}`;
}

const introduction = `# The command line

\`npx remora\` in this project, or \`remora\` where the package is installed. \`remora help COMMAND\` says the same as this page, which is
written by \`npm run docs\` from the table of commands.

Exit codes: 0 done, 1 failed, 64 the command line cannot be understood. \`exec\` gives its command's own.
\`--output json\` is for programs: its fields stay, and are added to. Colours are for terminals only, and \`NO_COLOR\` switches them off.
A \`POD\` is a pod's name, or \`deploy/NAME\` (\`sts/\`, \`ds/\`, \`job/\`) for a pod of a controller.

Which cluster: \`--kubeconfig FILE\`, else \`$KUBECONFIG\`, else \`~/.kube/config\`, else the service account of the pod that it runs in; \`--context NAME\`
chooses one of the file's contexts. Which mesh on this machine: \`--name MESH\`, else \`$REMORA_MESH\`, else the only one that runs.
`;

function formatCommand(command: Command): string {
  const { name, summary, usage, options, optionHelp, examples } = command;
  const rows = Object.entries(optionHelp).map(([option, help]) => {
    const short = options[option]?.short;
    const flags = short === undefined ? `\`--${option}\`` : `\`-${short}\`, \`--${option}\``;
    return `| ${flags} | ${help.replaceAll("|", "\\|")} |`;
  });
  const table = rows.length === 0 ? [] : ["| option | |", "| --- | --- |", ...rows, ""];
  const lines = examples.map(([line, effect]) => `    # ${effect}\n    ${line}`);
  return [
    `### remora ${name}`,
    "",
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    "",
    `    remora ${usage}`,
    "",
    ...table,
    ...lines,
    "",
    ...formatOutput(name),
  ].join("\n");
}

function formatOutput(name: string): readonly string[] {
  const file = join(import.meta.dirname, `cli-output/${name.replaceAll(" ", "-")}.txt`);
  if (!existsSync(file)) return [];
  return ["It prints, for example:", "", "```", readFileSync(file, "utf8").trimEnd(), "```", ""];
}
