/** Makes the files and directories that something is mounted on, inside a container's view. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { detachMount, mountFlags as flags, mount } from "./syscalls.ts";

/** Where a directory is put together before it takes its place. */
const workshop = "/.workshop";
/** Not ours to write: read-only, or owned by a user that this user namespace does not have. */
const notWritable: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS", "EOVERFLOW"]);

/** Makes a directory or an empty file unless it is there, and gives its path without symbolic links. */
export function prepareTarget(path: string, directory: boolean): string {
  try {
    return makeTarget(path, directory);
  } catch (error) {
    if (!notWritable.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    makeWritable(deepestDirectory(dirname(path)));
    return makeTarget(path, directory);
  }
}

function makeTarget(path: string, directory: boolean): string {
  makeDirectory(dirname(path));
  const target = join(realpathSync(dirname(path)), basename(path));
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true) {
    if (directory && existsSync(target) && statSync(target).isDirectory()) {
      return realpathSync(target);
    }
    // A link such as /etc/resolv.conf points into what is private now: it gives way.
    unlinkSync(target);
  } else if (found !== undefined) {
    return target;
  }
  if (directory) mkdirSync(target, { mode: 0o755 });
  else writeFileSync(target, "");
  return target;
}

/** Node's own recursive mkdir says ENOENT for a file system that is read-only. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o755 });
}

/** Replaces a directory by one of the container's own in which all that was there is mounted. */
function makeWritable(directory: string): void {
  mkdirSync(workshop);
  mount("tmpfs", workshop, "tmpfs", 0, "mode=0755");
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const [from, to] = [join(directory, entry.name), join(workshop, entry.name)];
    if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(from), to);
      continue;
    }
    if (entry.isDirectory()) mkdirSync(to);
    else writeFileSync(to, "");
    mount(from, to, "", flags.bind | flags.recursive, "");
  }
  mount(workshop, directory, "", flags.bind | flags.recursive, "");
  detachMount(workshop);
  rmdirSync(workshop);
}

function deepestDirectory(path: string): string {
  return existsSync(path) ? realpathSync(path) : deepestDirectory(dirname(path));
}
