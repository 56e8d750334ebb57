import assert from "node:assert/strict";
import { test } from "node:test";
import { listMountPoints, outermostBelow } from "./mount-points.ts";

const mountinfo = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /home rw - ext4 /dev/sda2 rw
24 23 0:22 / /home/a\\040b/c rw - tmpfs tmpfs rw
25 22 0:22 / /homestead rw - tmpfs tmpfs rw
26 22 0:22 / /var/lib/x rw - tmpfs tmpfs rw
27 26 0:22 / /var/lib/x/y rw - tmpfs tmpfs rw
28 26 0:23 / /var/lib/x/y rw - tmpfs tmpfs rw
`;

test("mount points are read once each, with their blanks", () => {
  assert.deepEqual(listMountPoints(mountinfo), [
    "/home",
    "/home/a b/c",
    "/homestead",
    "/var/lib/x",
    "/var/lib/x/y",
  ]);
});

test("only the outermost mount points below a directory are taken", () => {
  const points = listMountPoints(mountinfo);
  assert.deepEqual(outermostBelow("/var", points), ["/var/lib/x"]);
  assert.deepEqual(outermostBelow("/home", points), ["/home/a b/c"]);
  assert.deepEqual(outermostBelow("/etc", points), []);
});
