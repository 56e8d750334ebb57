/** Output of a process as lines of text. */
import type { Readable } from "node:stream";

/** A line without an end is cut here, so that a process that prints none cannot fill the memory. */
const maxLineLength = 16_384;

/** Calls back for each line, and for what is left when the output ends. */
export function forwardLines(output: Readable | undefined, onLine: (line: string) => void): void {
  if (output === undefined) return;
  let rest = "";
  output.setEncoding("utf8");
  output.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    while (rest.length > maxLineLength) {
      onLine(rest.slice(0, maxLineLength));
      rest = rest.slice(maxLineLength);
    }
  });
  output.on("end", () => {
    if (rest !== "") onLine(rest);
  });
  // A pipe that breaks when the process is killed is no news: its exit is.
  output.on("error", () => undefined);
}
