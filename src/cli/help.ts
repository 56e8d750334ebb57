/** The help texts, made from what the commands say of themselves. */
import type { Command } from "./command.ts";
import type { CommandGroup } from "./registry.ts";

/** The list of commands. */
export function formatOverview(groups: readonly CommandGroup[]): string {
  const names = groups.flatMap(({ commands }) => commands.map(({ name }) => name));
  const width = Math.max(...names.map((name) => name.length));
  const sections = groups
    .filter(({ commands }) => commands.length > 0)
    .map(({ title, commands }) => {
      const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`);
      return `${title}:\n${lines.join("")}`;
    });
  return `remora runs a service mesh: on this machine from Kubernetes manifests, and on a cluster.

Usage: remora COMMAND [options]

${sections.join("\n")}
A POD is a pod's name, or deploy/NAME (sts/, ds/, job/) for a pod of a controller.
Exit codes: 0 done, 1 failed, 64 the command line cannot be understood; exec gives its command's own.

See: remora help COMMAND
`;
}

/** The commands that share their first word. */
export function formatFamily(family: readonly Command[]): string {
  const rows = family.map(({ usage, summary }) => [`remora ${usage}`, summary] as const);
  return `${formatColumns(rows)}\nSee: remora help COMMAND\n`;
}

/** Usage, options and examples of one command. */
export function formatCommandHelp(command: Command): string {
  const options = Object.entries(command.optionHelp).map(([name, help]) => {
    const short = command.options[name]?.short;
    const flags = short === undefined ? `    --${name}` : `-${short}, --${name}`;
    return [flags, help] as const;
  });
  const optionText = formatColumns(options);
  const exampleText = formatColumns(command.examples);
  return `${command.summary}

Usage: remora ${command.usage}
${optionText === "" ? "" : `\nOptions:\n${optionText}`}
Examples:
${exampleText}`;
}

function formatColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}
