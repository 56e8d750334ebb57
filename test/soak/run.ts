/**
 * `npm run soak`: a local mesh under mixed load for `SOAK_MINUTES` (20), with certificates of a minute and a pod that is
 * replaced every fifteen seconds. No request may fail; descriptors and timers may not rise, nor may the memory that is
 * left when a sidecar has been quiet for a while: under load V8 lets garbage lie as long as there is room.
 */
import assert from "node:assert/strict";
import { meterProcess, type ProcessMeter } from "../hostile/lab/process-meter.ts";
import { type PodInfo, startMesh, sumOf, until } from "../mesh/mesh.ts";
import { type Sample, trendOf } from "./trend.ts";

const minutes = Number(process.env["SOAK_MINUTES"] ?? "20");
const sampleMillis = 2_000;
const churnMillis = 15_000;
/** The first quarter is for heaps to find their size. */
const warmUp = 0.25;

/** How far the straight line through each series may rise in the counted time; less is noise. Memory is only shown. */
const bounds = { memory: Number.POSITIVE_INFINITY, descriptors: 4, timers: 4 } as const;
type Watched = keyof typeof bounds;

/** The load is paused after each, so that what stays in a quiet sidecar is seen to level out or to rise. */
const stretches = 4;
/** By how much more memory a quiet sidecar may have after the last stretch than after the first. */
const settledBound = 3 * 1024 * 1024;
/** Twenty seconds after a burst the sidecar gives its memory back. */
const quietMillis = 30_000;

/** What test/apps/steady.ts tells. */
interface Load {
  readonly requests: number;
  readonly echoes: number;
  readonly errors: number;
}

interface Sidecar {
  readonly name: string;
  readonly pod: PodInfo;
  readonly meter: ProcessMeter;
  readonly series: Readonly<Record<Watched, Sample[]>>;
}

const mesh = await startMesh("soak", ["apps.yaml"], {
  namespace: "apps",
  env: { REMORA_IDENTITY_LEAF_LIFETIME: "60s" },
});
try {
  await soak();
} finally {
  await mesh[Symbol.asyncDispose]();
}

async function soak(): Promise<void> {
  const sidecars = await Promise.all(["client", "tcp", "grpc"].map((name) => findSidecar(name)));
  const millis = minutes * 60_000;
  const state = { over: false, replaced: 0 };
  const sampling = keepSampling(sidecars, state);
  const churn = keepReplacing(state);
  const quiet: number[][] = [];
  const loads: Load[] = [];
  try {
    for (let stretch = 0; stretch < stretches; stretch += 1) {
      loads.push(await runLoad(millis / stretches));
      quiet.push(await settle(sidecars));
    }
  } finally {
    state.over = true;
    await Promise.all([churn, sampling]);
  }
  process.stdout.write(`${minutes} minutes, ${state.replaced} pods replaced\n`);
  const problems = [...reportLoads(loads), ...report(sidecars)];
  for (const [at, { name }] of sidecars.entries()) {
    const series = quiet.map((stretch) => stretch[at] ?? 0);
    const line = `${name}: ${series.map(mebibytes).join(", ")} MiB when quiet`;
    process.stdout.write(`${line}\n`);
    if ((series.at(-1) ?? 0) - (series[0] ?? 0) > settledBound) problems.push(line);
  }
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function mebibytes(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1);
}

async function keepSampling(
  sidecars: readonly Sidecar[],
  state: { readonly over: boolean },
): Promise<void> {
  const began = performance.now();
  while (!state.over) {
    const seconds = (performance.now() - began) / 1_000;
    for (const sidecar of sidecars) await sample(sidecar, seconds);
    await pause(sampleMillis);
  }
}

/** Gives the load's own line. A bulk transfer at its end makes every sidecar busy once, so that it tidies up later. */
async function runLoad(millis: number): Promise<Load> {
  const targets = ["--http", "http://http/", "--grpc", "grpc:9090", "--tcp", "tcp:7000"];
  const command = ["node", "test/apps/steady.ts", ...targets, "--for", millis];
  const { text } = await mesh.exec("deploy/client", command, { timeoutMillis: millis + 120_000 });
  await mesh.question("deploy/client", "tcp-client.ts", "download", "tcp", 7003, 300_000_000);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Load;
}

/** Private memory of each, when nothing was asked of them for a while. */
async function settle(sidecars: readonly Sidecar[]): Promise<number[]> {
  await pause(quietMillis);
  return sidecars.map(({ meter }) => meter.privateBytes());
}

async function keepReplacing(state: { readonly over: boolean; replaced: number }): Promise<void> {
  while (!state.over) {
    if (await replacePod()) state.replaced += 1;
    for (let left = churnMillis; left > 0 && !state.over; left -= 500) await pause(500);
  }
}

async function pause(millis: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, millis));
}

async function findSidecar(name: string): Promise<Sidecar> {
  const pod = await mesh.pod(name);
  const pid = pod.containers.find((container) => container.sidecar)?.pid ?? 0;
  return {
    name,
    pod,
    meter: meterProcess(pid),
    series: { memory: [], descriptors: [], timers: [] },
  };
}

async function sample({ name, pod, meter, series }: Sidecar, seconds: number): Promise<void> {
  assert.ok(meter.alive, `the sidecar of ${name} has died`);
  const timers = sumOf(await mesh.metrics(pod), "remora_timers");
  series.memory.push({ seconds, value: meter.privateBytes() });
  series.descriptors.push({ seconds, value: meter.descriptors() });
  series.timers.push({ seconds, value: timers });
}

/** Another pod takes the place of one of the two; false while the last change is still under way. */
async function replacePod(): Promise<boolean> {
  const pods = (await mesh.pods()).filter((pod) => pod.name.startsWith("http-"));
  if (pods.length !== 2 || !pods.every((pod) => pod.ready)) return false;
  const { code, text } = await mesh.remora("delete", pods[0]?.name ?? "", "-n", "apps");
  assert.equal(code, 0, text);
  await until(10_000, async () => {
    const now = (await mesh.pods()).filter((pod) => pod.name.startsWith("http-"));
    assert.ok(now.some((pod) => pods.every(({ name }) => name !== pod.name)));
  });
  return true;
}

/** Prints what was asked and gives what must not be. */
function reportLoads(loads: readonly Load[]): string[] {
  const requests = loads.reduce((sum, load) => sum + load.requests, 0);
  const echoes = loads.reduce((sum, load) => sum + load.echoes, 0);
  process.stdout.write(`${requests} requests and ${echoes} echoes of TCP\n`);
  return loads.filter(({ errors }) => errors > 0).map((load) => JSON.stringify(load));
}

/** Prints what was seen and gives what must not be. */
function report(sidecars: readonly Sidecar[]): string[] {
  const problems: string[] = [];
  for (const { name, series } of sidecars) {
    for (const [what, bound] of Object.entries(bounds) as [Watched, number][]) {
      const { rise, mean, samples } = trendOf(series[what], minutes * 60 * warmUp);
      const line = `${name} ${what}: mean ${mean.toFixed(0)}, rise ${rise.toFixed(1)} in ${samples} samples`;
      process.stdout.write(`${line}\n`);
      if (rise > bound) problems.push(`${line}, more than ${bound}`);
    }
  }
  return problems;
}
