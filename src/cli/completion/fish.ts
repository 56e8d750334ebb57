/** Completion for fish: one line for each word that may come. */
import { type CompletionCommand, listFirstWords } from "./words.ts";

export function formatFishCompletion(commands: readonly CompletionCommand[]): string {
  const first = listFirstWords(commands);
  const names = ["help", ...first.map(([word]) => word)].join(" ");
  const lines = [
    ...first.map(
      ([word, text]) =>
        `complete -c remora -f -n "not __fish_seen_subcommand_from ${names}" -a ${word} -d ${quote(text)}`,
    ),
    `complete -c remora -f -n "not __fish_seen_subcommand_from ${names}" -a help -d 'say how a command is used'`,
    ...commands.flatMap(formatCommand),
  ];
  return `# fish completion of remora; load it with: remora completion fish | source\n${lines.join("\n")}\n`;
}

function formatCommand({
  words,
  summary,
  options,
  firstArguments,
}: CompletionCommand): readonly string[] {
  const [one = "", two] = words;
  const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  const family =
    two === undefined
      ? []
      : [
          `complete -c remora -f -n "__fish_seen_subcommand_from ${one}; and not __fish_seen_subcommand_from ${two}" -a ${two} -d ${quote(summary)}`,
        ];
  const args = firstArguments.map((word) => `complete -c remora -f -n "${seen}" -a ${word}`);
  const flags = options.map(({ name, short, help, value }) => {
    const letter = short === undefined ? "" : ` -s ${short}`;
    const wanted =
      value === "none"
        ? ""
        : value === "file"
          ? " -r -F"
          : value === "any"
            ? " -x"
            : ` -x -a '${value.join(" ")}'`;
    return `complete -c remora -n "${seen}" -l ${name}${letter}${wanted} -d ${quote(help)}`;
  });
  return [...family, ...args, ...flags];
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
