/** Chunks of UTF-8 to lines. */
import { StringDecoder } from "node:string_decoder";

export interface LineSplitter {
  /** Throws when a line is longer than anything that the API server stores. */
  push(chunk: Buffer): void;
}

/** The API server refuses objects of more than 3 MB; one event holds one object. */
const maxLineLength = 16 * 1024 * 1024;

/** Calls back for every whole line, without its end; what follows the last one waits for more. */
export function createLineSplitter(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder("utf8");
  let parts: string[] = [];
  let waiting = 0;
  return {
    push(chunk) {
      const text = decoder.write(chunk);
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        const line =
          parts.length === 0 ? text.slice(start, end) : parts.join("") + text.slice(start, end);
        parts = [];
        waiting = 0;
        start = end + 1;
        if (line !== "") onLine(line);
      }
      if (start === text.length) return;
      parts.push(start === 0 ? text : text.slice(start));
      waiting += text.length - start;
      if (waiting > maxLineLength) throw new Error(`line of more than ${maxLineLength} characters`);
    },
  };
}
