/** Completion for bash: one function that looks at the words so far. */
import { type CompletionCommand, type CompletionOption, listFirstWords } from "./words.ts";

export function formatBashCompletion(commands: readonly CompletionCommand[]): string {
  const first = listFirstWords(commands).map(([word]) => word);
  const families = first.flatMap((word) => {
    const seconds = commands.flatMap(({ words: [one, two] }) =>
      one === word && two !== undefined ? [two] : [],
    );
    return seconds.length === 0 ? [] : [`      ${word}) words="${seconds.join(" ")}" ;;`];
  });
  const cases = commands.map(formatCase);
  return `# bash completion of remora; load it with: source <(remora completion bash)
_remora() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" words="" values=""
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words="help ${first.join(" ")}"
  else
    if ((COMP_CWORD == 2)); then
      case "\${COMP_WORDS[1]}" in
      help) words="${first.join(" ")}" ;;
${families.join("\n")}
      esac
    fi
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${cases.join("\n")}
    esac
  fi
  if [[ $values == @file ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  [[ $values == @any ]] && return
  mapfile -t COMPREPLY < <(compgen -W "\${values:-$words}" -- "$current")
}
complete -F _remora remora
`;
}

/** A family's commands stand before a command of one word with the same start. */
function formatCase({ words, options, firstArguments }: CompletionCommand): string {
  const [first = "", second] = words;
  const pattern = second === undefined ? `"${first} "*` : `"${first} ${second}"`;
  const flags = options.map(({ name }) => `--${name}`);
  const values = options.flatMap((option) => {
    const value = formatValue(option);
    return value === "" ? [] : [`      ${nameOption(option)}) values="${value}" ;;`];
  });
  const place = words.length + 1;
  const positional =
    firstArguments.length === 0
      ? ""
      : `\n      ((COMP_CWORD == ${place})) && words+=" ${firstArguments.join(" ")}"`;
  const offered = flags.length === 0 ? "" : ` ${flags.join(" ")}`;
  const choose =
    values.length === 0 ? "" : `\n      case "$previous" in\n${values.join("\n")}\n      esac`;
  return `    ${pattern})
      words+="${offered}"${positional}${choose}
      ;;`;
}

function nameOption({ name, short }: CompletionOption): string {
  return short === undefined ? `--${name}` : `--${name} | -${short}`;
}

function formatValue({ value }: CompletionOption): string {
  if (value === "none") return "";
  if (value === "file") return "@file";
  return value === "any" ? "@any" : value.join(" ");
}
