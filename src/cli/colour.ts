/** Colours, where a person looks: on a terminal, unless NO_COLOR says otherwise (https://no-color.org). */

import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const podStyles: readonly Style[] = ["cyan", "yellow", "green", "magenta", "blue", "red"];

/** Styles the text when the stream is a terminal that wants it. */
export function paint(stream: WriteStream, style: Style, text: string): string {
  return styleText(style, text, { stream, validateStream: true });
}

/** The same name has the same colour for as long as the program runs. */
export function createNamePainter(stream: WriteStream): (name: string, text: string) => string {
  const known = new Map<string, Style>();
  return (name, text) => {
    const style = known.get(name) ?? podStyles[known.size % podStyles.length] ?? "cyan";
    known.set(name, style);
    return paint(stream, style, text);
  };
}
