/** Completion for zsh, with the lines of help beside the words. */
import { type CompletionCommand, type CompletionOption, listFirstWords } from "./words.ts";

export function formatZshCompletion(commands: readonly CompletionCommand[]): string {
  const first = listFirstWords(commands);
  const families = first.flatMap(([word]) => {
    const rows = commands
      .filter(({ words }) => words.length === 2 && words[0] === word)
      .map(({ words, summary }) => describe(words[1] ?? "", summary));
    return rows.length === 0
      ? []
      : [`      ${word}) found=(${rows.join(" ")}); _describe command found; return ;;`];
  });
  const cases = commands.map(({ words, options, firstArguments }) => {
    const [one = "", two] = words;
    const pattern = two === undefined ? `${one}\\ *` : `${one}\\ ${two}`;
    const specs = options.flatMap(formatOption);
    const rest =
      firstArguments.length === 0
        ? "'*:argument:_files'"
        : `'1:kind:(${firstArguments.join(" ")})'`;
    return `    ${pattern}) shift ${words.length} words; ((CURRENT -= ${words.length})); _arguments ${[...specs, rest].join(" ")} ;;`;
  });
  return `#compdef remora
# zsh completion of remora; load it with: source <(remora completion zsh)
_remora() {
  local -a found
  if ((CURRENT == 2)); then
    found=(${[["help", "say how a command is used"] as const, ...first].map(([word, text]) => describe(word, text)).join(" ")})
    _describe command found
    return
  fi
  if ((CURRENT == 3)); then
    case "$words[2]" in
      help) found=(${first.map(([word, text]) => describe(word, text)).join(" ")}); _describe command found; return ;;
${families.join("\n")}
    esac
  fi
  case "$words[2] $words[3]" in
${cases.join("\n")}
  esac
}
compdef _remora remora
`;
}

function formatOption({ name, short, help, value }: CompletionOption): readonly string[] {
  const text = help.replaceAll("'", "’").replaceAll("[", "(").replaceAll("]", ")");
  const action =
    value === "none"
      ? ""
      : value === "file"
        ? ":file:_files"
        : value === "any"
          ? ":value: "
          : `:value:(${value.join(" ")})`;
  const long = `'*--${name}[${text}]${action}'`;
  return short === undefined ? [long] : [long, `'*-${short}[${text}]${action}'`];
}

function describe(word: string, text: string): string {
  return `'${word}:${text.replaceAll("'", "’").replaceAll(":", "\\:")}'`;
}
