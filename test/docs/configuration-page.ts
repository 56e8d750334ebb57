/** docs/configuration.md as the programs' own tables give it. */

import { injectorSettingTable } from "../../injector/config.ts";
import { controlSettingTable } from "../../src/control/config.ts";
import type { SettingTable } from "../../src/core/config-table.ts";
import { identitySettingTable } from "../../src/identity/config.ts";
import { initSettings } from "../../src/init/config.ts";
import { proxySettings } from "../../src/proxy/config.ts";

const programs: readonly (readonly [string, string, SettingTable])[] = [
  [
    "proxy",
    "The sidecar. The injector sets these; annotations change some of them.",
    proxySettings,
  ],
  ["init", "The init container that installs the redirection rules.", initSettings],
  ["identity", "The certificate authority.", identitySettingTable],
  ["control", "Discovery and policy.", controlSettingTable],
  ["injector", "The admission webhook.", injectorSettingTable],
];

export function renderConfiguration(): string {
  const sections = programs.map(([name, what, table]) => {
    const rows = Object.entries(table).map(
      ([variable, { doc, fallback }]) =>
        `| \`${variable}\` | ${describeDefault(fallback)} | ${sentence(doc)} |`,
    );
    const head = ["| variable | default | what it does |", "| --- | --- | --- |"];
    return [`## ${name}`, "", what, "", ...head, ...rows, ""].join("\n");
  });
  return `${introduction}\n${sections.join("\n")}`;
}

const introduction = `# Configuration

Every program reads its environment once, at start. A value that cannot be understood ends it with exit code 64, after
all such values have been named. The effective configuration is the first line of its log.

This page is written by \`npm run docs\` from the tables that the programs read.
`;

function describeDefault(fallback: string | undefined): string {
  if (fallback === undefined) return "required";
  return fallback === "" ? "empty" : `\`${fallback}\``;
}

function sentence(doc: string): string {
  const text = doc.charAt(0).toUpperCase() + doc.slice(1);
  return text.replaceAll("|", "\\|").replace(/\.$/, "");
}
