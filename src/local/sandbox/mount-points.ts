/** What is mounted where, from the text of /proc/self/mountinfo. */

/** The paths of all mount points except `/`; proc_pid_mountinfo(5) writes blanks and the like in octal. */
export function listMountPoints(mountinfo: string): readonly string[] {
  const paths = mountinfo
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .map((path) =>
      path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    );
  return [...new Set(paths)].filter((path) => path !== "/").sort();
}

/** Those below a directory that are not inside another one: a recursive bind of these brings the rest. */
export function outermostBelow(directory: string, mountPoints: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of mountPoints) {
    const below = path.startsWith(`${directory}/`);
    if (below && !kept.some((outer) => path.startsWith(`${outer}/`))) kept.push(path);
  }
  return kept;
}
