/** Fills the root of an image with programs of this machine and the shared libraries that they need. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The roots that this machine trusts, where it has such a file. */
export const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** Copies files and folders to the same place inside `root`; links become what they point at. */
export function copyInto(root: string, paths: readonly string[]): void {
  for (const path of paths) copyAs(root, path, path);
}

export function copyAs(root: string, from: string, to: string): void {
  const target = join(root, to);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(realpathSync(from), target, { recursive: true, dereference: true });
}

/** Every library that `programs` (and libraries that they load later) are linked with, the loader included. */
export function librariesOf(programs: readonly string[]): readonly string[] {
  const result = spawnSync("ldd", programs, { encoding: "utf8" });
  if (result.error !== undefined) throw result.error;
  // It also fails when one of them is linked with nothing.
  const found = [...result.stdout.matchAll(/^\t(?:.* => )?(\/\S+) \(0x/gm)];
  return [...new Set(found.map(([, path]) => path ?? ""))];
}

/** What every program expects: users, name resolution, certificates, a place for temporary files. */
export function addBase(root: string, users: readonly string[] = []): void {
  for (const folder of ["etc/ssl/certs", "tmp", "run", "var/run", "proc", "sys", "dev"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const passwd = ["root:x:0:0:root:/root:/sbin/nologin", "nobody:x:65534:65534::/:/sbin/nologin"];
  writeFileSync(join(root, "etc/passwd"), `${[...passwd, ...users].join("\n")}\n`);
  const groups = ["root:x:0:", "nogroup:x:65534:"];
  writeFileSync(join(root, "etc/group"), `${groups.join("\n")}\n`);
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
  if (existsSync(certificates)) copyAs(root, certificates, certificates);
}
