/** Every command of `remora`, in the order of the help. A new one is one import and one line here. */
import type { Command } from "./command.ts";
import { applyCommand } from "./commands/apply.ts";
import { caCommands } from "./commands/ca.ts";
import { checkCommand } from "./commands/check.ts";
import { createCompletionCommand } from "./commands/completion.ts";
import { deleteCommand } from "./commands/delete.ts";
import { downCommand } from "./commands/down.ts";
import { execCommand } from "./commands/exec.ts";
import { injectCommand } from "./commands/inject.ts";
import { installCommand } from "./commands/install.ts";
import { logsCommand } from "./commands/logs.ts";
import { policyExplainCommand } from "./commands/policy-explain.ts";
import { proxyCommands } from "./commands/proxy.ts";
import { psCommand } from "./commands/ps.ts";
import { statCommand } from "./commands/stat.ts";
import { uninstallCommand } from "./commands/uninstall.ts";
import { upCommand } from "./commands/up.ts";
import { upgradeCommand } from "./commands/upgrade.ts";
import { versionCommand } from "./commands/version.ts";

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

export const commandGroups: readonly CommandGroup[] = [
  {
    title: "A mesh on this machine",
    commands: [
      upCommand,
      downCommand,
      psCommand,
      logsCommand,
      execCommand,
      applyCommand,
      deleteCommand,
    ],
  },
  {
    title: "A mesh on a cluster",
    commands: [
      checkCommand,
      installCommand,
      upgradeCommand,
      uninstallCommand,
      injectCommand,
      policyExplainCommand,
      ...caCommands,
    ],
  },
  {
    title: "Sidecars, there or here",
    commands: [statCommand, ...proxyCommands],
  },
  {
    title: "remora itself",
    commands: [versionCommand, createCompletionCommand(() => commands)],
  },
];

export const commands: readonly Command[] = commandGroups.flatMap((group) => group.commands);
