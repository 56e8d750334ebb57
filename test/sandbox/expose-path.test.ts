import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { exposePath } from "../../src/local/sandbox/expose-path.ts";
import { run, skip } from "./pods.ts";

// The first would be hidden by the private /tmp, the second is a home that others may not enter.
for (const parent of ["/tmp", "/var/tmp"]) {
  test(`a checkout in a locked directory of ${parent} is readable, its neighbours are not`, {
    skip,
  }, async (context) => {
    const home = mkdtempSync(join(parent, "remora-home-"));
    context.after(() => rmSync(home, { recursive: true }));
    const checkout = join(home, "checkout");
    mkdirSync(checkout);
    writeFileSync(join(checkout, "file"), "readable\n");
    writeFileSync(join(home, "secret"), "secret\n");
    const { output } = await run({
      command: ["sh", "-c", `cat ${checkout}/file ${home}/secret; touch ${checkout}/new`],
      user: { uid: 15_008, gid: 15_008, groups: [] },
      mounts: exposePath(checkout),
    });
    assert.equal(output, "readable\n");
  });
}

test("a path that everyone can reach needs no mount", () => {
  assert.deepEqual(exposePath("/usr/bin"), []);
});
