/** The manifests that a command line names. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "../local/user-error.ts";
import { type Arguments, textOptions, UsageError } from "./command.ts";

export interface FileOptions {
  /** Absolute; each exists. */
  readonly paths: readonly string[];
  /** `-` is among them. */
  readonly readsInput: boolean;
}

/** `-f a -f b` and `-f a b` mean the same, so that a shell may expand `-f *.yaml`. */
export function readFileOptions(args: Arguments): FileOptions {
  const given = [...textOptions(args, "filename"), ...args.positionals];
  if (given.length === 0) throw new UsageError("-f is missing: name a file or folder of manifests");
  const paths = given.filter((path) => path !== "-").map((path) => resolve(path));
  for (const path of paths) {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      throw new UserError(`${path}: no such file or folder`);
    }
  }
  return { paths, readsInput: given.includes("-") };
}
