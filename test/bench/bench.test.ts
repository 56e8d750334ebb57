import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram, startProgram } from "../apps/program.ts";
import { needs } from "../mesh/mesh.ts";

const options =
  process.getuid?.() === 0
    ? needs("haproxy", "nginx", "wrk", "h2load", "openssl", "nsenter", "setpriv", "taskset")
    : { skip: "the bench needs root" };
const quick = ["--rounds", "1", "--seconds", "1"];

interface Results {
  readonly peers: readonly { readonly name: string; readonly version?: string }[];
  readonly measurements: readonly {
    readonly scenario: string;
    readonly peer: string;
    readonly failure?: string;
    readonly sample?: Readonly<Record<string, number>>;
  }[];
}

test("the bench measures each kind of traffic beside the direct connection", options, async () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-test-bench-"));
  try {
    const output = join(folder, "results.json");
    const scenarios = ["http1-32", "grpc-8x8", "tcp-ping-pong", "idle"];
    const { code, text } = await runBench(
      ...scenarios,
      "--peers",
      "haproxy",
      "--output",
      output,
      ...quick,
    );
    assert.equal(code, 0, text);
    const { measurements } = JSON.parse(readFileSync(output, "utf8")) as Results;
    const failures = measurements.filter(({ failure }) => failure !== undefined);
    assert.deepEqual(failures, [], text);
    for (const scenario of scenarios) {
      const figures = measurements.filter((one) => one.scenario === scenario);
      assert.ok(figures.length > 0, `${scenario} gave no figure:\n${text}`);
      for (const { sample } of figures) assert.equal(sample?.["errors"] ?? 0, 0);
    }
    const tables = readFileSync(join(folder, "results.md"), "utf8");
    assert.match(tables, /### http1-32/);
    assert.match(tables, /\| haproxy-h2 +\| \d+\.\d/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("an interrupted bench leaves no namespace, process or folder", options, async () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-test-bench-"));
  try {
    const output = join(folder, "results.json");
    await using bench = await startProgram(
      [process.execPath, "bench/run.ts", "http1-32", "--peers", "haproxy", "--output", output],
      { env: { TMPDIR: folder } },
    );
    await bench.output(/round 1 of 5: haproxy/, 60_000);
    const inside = ownNamespaces(bench.pid).flatMap(processesIn);
    assert.ok(inside.length > 0);
    bench.kill("SIGINT");
    assert.equal(await bench.exit(), 130);
    assert.deepEqual(ownNamespaces(bench.pid), []);
    assert.deepEqual(readdirSync(folder), []);
    const left = inside.filter((pid) => existsSync(`/proc/${pid}`) && !isZombie(pid));
    assert.deepEqual(left, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the bench refuses an unknown scenario with the names that there are", async () => {
  const { code, text } = await runBench("http9");
  assert.equal(code, 64);
  assert.match(text, /no scenario is called http9; there are http1-1, /);
});

function runBench(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  return runProgram([process.execPath, "bench/run.ts", ...args], {}, 180_000);
}

function ownNamespaces(pid: number): string[] {
  const folder = "/var/run/netns";
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.startsWith(`remora-bench-${pid}-`));
}

/** The processes whose network namespace is the one of that name. */
function processesIn(namespace: string): number[] {
  const wanted = inodeOf(`/var/run/netns/${namespace}`);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => inodeOf(`/proc/${pid}/ns/net`) === wanted)
    .map(Number);
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    // The process ended, or it is not ours to look at.
    return undefined;
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}
