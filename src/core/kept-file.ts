/** Files of the kernel whose content changes: opened once, so that they can be read when no descriptor is left. */
import { openSync, readSync } from "node:fs";

/** Larger than any of `/proc` and `/sys` that is read here. */
const roomBytes = 16 * 1024;

/** Gives what the file says now, empty when it cannot be read; undefined when it cannot be opened. */
export function openKeptFile(path: string): (() => string) | undefined {
  const file = open(path);
  if (file === undefined) return undefined;
  const buffer = Buffer.alloc(roomBytes);
  return () => {
    try {
      return buffer.toString("latin1", 0, readWhole(file, buffer));
    } catch {
      return "";
    }
  };
}

function open(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}

/** The kernel gives a page at a time. */
function readWhole(file: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(file, buffer, length, buffer.length - length, length);
    if (read === 0) break;
    length += read;
  }
  return length;
}
