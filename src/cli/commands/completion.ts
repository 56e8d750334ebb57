import { type Command, takePositionals, UsageError } from "../command.ts";
import { formatBashCompletion } from "../completion/bash.ts";
import { formatFishCompletion } from "../completion/fish.ts";
import { type CompletionCommand, describeCommands } from "../completion/words.ts";
import { formatZshCompletion } from "../completion/zsh.ts";

const shells: Readonly<Record<string, (commands: readonly CompletionCommand[]) => string>> = {
  bash: formatBashCompletion,
  zsh: formatZshCompletion,
  fish: formatFishCompletion,
};

/** Given the table of which it is itself a part. */
export function createCompletionCommand(commands: () => readonly Command[]): Command {
  const names = Object.keys(shells);
  return {
    name: "completion",
    summary: "print what completes remora's words in bash, zsh or fish",
    usage: "completion bash|zsh|fish",
    options: {},
    optionHelp: {},
    firstArguments: names,
    examples: [
      ["source <(remora completion bash)", "in this shell; put it into ~/.bashrc for all"],
      ["remora completion zsh > ~/.zfunc/_remora", "in a folder of $fpath"],
      ["remora completion fish | source", "in this shell"],
    ],
    async run(args) {
      const [shell = ""] = takePositionals(args, "SHELL");
      const format = shells[shell];
      if (format === undefined) {
        throw new UsageError(`"${shell}" is no shell that is known; say ${names.join(", ")}`);
      }
      process.stdout.write(format(describeCommands(commands())));
      return 0;
    },
  };
}
