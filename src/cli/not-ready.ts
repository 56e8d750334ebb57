/** What keeps a mesh from being up, for a person to read. */
import type { ReadyResult } from "../local/api/messages.ts";

/** One line for each pod, with the newest lines of the container that is to blame. */
export function formatNotReady(result: ReadyResult): string {
  return result.notReady
    .map(({ namespace, name, reason, lines }) => {
      const quoted = lines.map((line) => `    | ${line}\n`);
      return `  ${namespace}/${name}: ${reason}\n${quoted.join("")}`;
    })
    .join("");
}
