/** Texts against the patterns of a policy. */
import type { StringMatch } from "../../api/authorization.ts";

export function matchesText(match: StringMatch, text: string): boolean {
  switch (match.kind) {
    case "exact":
      return text === match.text;
    case "prefix":
      return text.startsWith(match.text);
    case "suffix":
      return text.endsWith(match.text);
    case "presence":
      return text !== "";
  }
}

export function matchesAny(matches: readonly StringMatch[], text: string): boolean {
  for (const match of matches) if (matchesText(match, text)) return true;
  return false;
}
