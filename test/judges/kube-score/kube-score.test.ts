/** kube-score on what the chart renders: no finding, but for those that are left out here with their reason. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { needsHelm, renderText, type ValueSet } from "../../chart/chart.ts";
import { buildGoJudge } from "../../support/go-judge.ts";

/** Some nodes do not account for it and then have none to give; the root file system is read-only, and logs are few. */
const noStorage = ["--ignore-test=container-ephemeral-storage-request-and-limit"];
/** A throttled authority or webhook is slow exactly when everybody needs it; requests keep neighbours safe. */
const noCpuLimit = ["--ignore-container-cpu-limit"];
const leftOut: Readonly<Record<ValueSet, readonly string[]>> = {
  everything: [...noCpuLimit, ...noStorage],
  minimal: [
    ...noCpuLimit,
    ...noStorage,
    // Kubernetes decides by the tag; a registry that cannot be reached must not keep a replica from starting.
    "--ignore-test=container-image-pull-policy",
    // Off by default: not every cluster's network enforces them, and some then refuse the API server's calls.
    "--ignore-test=pod-networkpolicy",
  ],
};

describe("kube-score", needsHelm(), () => {
  let program: string;

  before(async () => {
    const folder = import.meta.dirname;
    const built = await buildGoJudge(folder, ["github.com/zegl/kube-score/cmd/kube-score"]);
    program = join(built, "kube-score");
  });

  for (const set of ["minimal", "everything"] as const) {
    test(`finds nothing in the chart with ${set} values`, async () => {
      const input = await renderText(set);
      const args = ["score", ...leftOut[set], "--output-format", "ci", "-"];
      const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
      const lines = stdout.split("\n");
      const findings = lines.filter((line) => /^\[(CRITICAL|WARNING)\]/.test(line));
      assert.deepEqual(findings, [], stderr);
      assert.equal(status, 0);
      // It must have looked: three Deployments with some twenty checks each.
      assert.ok(lines.filter((line) => line.startsWith("[OK]")).length > 40);
    });
  }
});
