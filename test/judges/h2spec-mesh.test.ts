/** h2spec, all cases, against the captured side of a pod and against its mesh port. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../mesh/mesh.ts";
import { startTwoPods } from "../mesh/two-pods.ts";
import { buildGoJudge, findGo, noGo } from "../support/go-judge.ts";
import { tellVerdict } from "./verdict.ts";

const options = findGo() === undefined ? { skip: noGo } : needs();

test(
  "every strict case of h2spec passes against the captured side of a pod",
  options,
  async (t) => {
    const judge = await buildGoJudge(join(import.meta.dirname, "h2spec"), [
      "github.com/summerwind/h2spec/cmd/h2spec",
    ]);
    await using mesh = await startTwoPods({
      purpose: "h2spec",
      service: "backend",
      command: ["node", "test/judges/h2spec-backend.ts", "8080"],
      ports: [{ name: "web", port: 8080, appProtocol: "kubernetes.io/h2c" }],
    });
    const command = [`${judge}/h2spec`, "-h", "backend", "-p", "8080", "-o", "1", "--strict"];
    const { text } = await mesh.exec("deploy/client", command, { timeoutMillis: 300_000 });
    const [, total, passed] = /(\d+) tests, (\d+) passed/.exec(text) ?? [];
    const failures = text.slice(Math.max(0, text.indexOf("Failures:")));
    tellVerdict(t, {
      judge: "h2spec",
      against: "captured side of a pod",
      passed: Number(passed),
      of: Number(total),
      notPassed: passed === total ? [] : [failures],
    });
    assert.equal(`${passed} of ${total}`, "146 of 146", failures);
  },
);
