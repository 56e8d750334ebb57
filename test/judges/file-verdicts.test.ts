import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Cases, collectVerdicts } from "./file-verdicts.ts";
import { joinVerdicts, type Verdict } from "./verdict.ts";

const imports = `
  import { describe, test } from "node:test";
  import { tellVerdict } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "verdict.ts")).href)};
  const tell = (t, passed, against = "server") => tellVerdict(t, {
    judge: "judge", against, passed, of: 10, notPassed: passed < 10 ? ["case 7"] : [],
  });
  const fail = (why) => { throw new Error(why + "\\nand more"); };
`;

/** The rows of a file with these tests, run by node:test. */
async function rowsOf(tests: string, cases?: Cases): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "remora-verdicts-"));
  try {
    const file = join(folder, "some.test.ts");
    writeFileSync(file, `${imports}${tests}`);
    return joinVerdicts(await collectVerdicts(runWithin(file), "some.test.ts", cases));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** By a variable node:test knows that it is in a test already, where it runs no others. */
function runWithin(file: string): ReturnType<typeof run> {
  const { NODE_TEST_CONTEXT: context } = process.env;
  delete process.env["NODE_TEST_CONTEXT"];
  const events = run({ files: [file] });
  if (context !== undefined) process.env["NODE_TEST_CONTEXT"] = context;
  return events;
}

test("a test that tells what did not pass, and fails for it, is one row", async () => {
  const rows = await rowsOf(`
    describe("all", () => {
      for (const passed of [10, 9, 10])
        test("passes " + passed, (t) => { tell(t, passed); if (passed < 10) fail("not all"); });
    });
  `);
  assert.deepEqual(rows, [
    { judge: "judge", against: "server", passed: 29, of: 30, notPassed: ["case 7"] },
  ]);
});

test("a test that tells of nothing and fails all the same fails in the row of what it told", async () => {
  const rows = await rowsOf(`
    test("counts", (t) => { tell(t, 10); fail("146 cases expected"); });
    test("goes on", (t) => tell(t, 10, "client"));
  `);
  assert.deepEqual(rows, [
    {
      judge: "judge",
      against: "server",
      passed: 10,
      of: 11,
      notPassed: ["counts: 146 cases expected"],
    },
    { judge: "judge", against: "client", passed: 10, of: 10, notPassed: [] },
  ]);
});

test("a test that fails before it tells a verdict is a row of the file", async () => {
  const rows = await rowsOf(`
    test("tells", (t) => tell(t, 10));
    test("breaks", () => fail("no judge"));
  `);
  assert.deepEqual(rows, [
    { judge: "judge", against: "server", passed: 10, of: 10, notPassed: [] },
    { judge: "some.test.ts", against: "-", passed: 0, of: 1, notPassed: ["breaks: no judge"] },
  ]);
});

test("where every test is a case of a judge, they are counted, and what was skipped did not pass", async () => {
  const rows = await rowsOf(
    `
    describe("all", () => {
      test("one", () => undefined);
      test("two", () => fail("refused"));
      test("three", { skip: "no helm" }, () => undefined);
      test("four", { skip: true }, () => undefined);
    });
  `,
    ["helm", "chart"],
  );
  assert.deepEqual(rows, [
    {
      judge: "helm",
      against: "chart",
      passed: 1,
      of: 4,
      notPassed: ["two: refused", "three: skipped: no helm", "four: skipped: true"],
    },
  ]);
});

test("a file without a verdict did not run", async () => {
  assert.deepEqual(await rowsOf('test("silent", () => undefined);'), [
    { judge: "some.test.ts", against: "-", passed: 0, of: 1, notPassed: ["it did not run"] },
  ]);
});
