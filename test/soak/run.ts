/**
 * `npm run soak`: a local mesh under mixed load for `SOAK_MINUTES` (20), with certificates of a minute and a pod that is
 * replaced every fifteen seconds. No request may fail, and memory, descriptors and timers may not rise.
 */
import assert from "node:assert/strict";
import { meterProcess, type ProcessMeter } from "../hostile/lab/process-meter.ts";
import { type Mesh, type PodInfo, startMesh, sumOf, until } from "../mesh/mesh.ts";
import { type Sample, trendOf } from "./trend.ts";

const minutes = Number(process.env["SOAK_MINUTES"] ?? "20");
const sampleMillis = 2_000;
const churnMillis = 15_000;
/** The first quarter is for heaps to find their size. */
const warmUp = 0.25;

/** How far the straight line through each series may rise in the counted time; less is noise of collections. */
const bounds = { memory: 4 * 1024 * 1024, descriptors: 4, timers: 4 } as const;
type Watched = keyof typeof bounds;

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
  await soak(mesh);
} finally {
  await mesh[Symbol.asyncDispose]();
}

async function soak(mesh: Mesh): Promise<void> {
  const sidecars = await Promise.all(["client", "tcp", "grpc"].map((name) => findSidecar(name)));
  const millis = minutes * 60_000;
  const targets = ["--http", "http://http/", "--grpc", "grpc:9090", "--tcp", "tcp:7000"];
  const load = mesh.exec(
    "deploy/client",
    ["node", "test/apps/steady.ts", ...targets, "--for", millis],
    { timeoutMillis: millis + 120_000 },
  );
  const began = performance.now();
  let replaced = 0;
  for (let due = churnMillis; performance.now() - began < millis - sampleMillis; ) {
    await new Promise((resolve) => setTimeout(resolve, sampleMillis));
    const seconds = (performance.now() - began) / 1_000;
    for (const sidecar of sidecars) await sample(sidecar, seconds);
    if (seconds * 1_000 < due) continue;
    due += churnMillis;
    replaced += (await replacePod()) ? 1 : 0;
  }
  const { text } = await load;
  report(sidecars, text.trim().split("\n").at(-1) ?? "", replaced);
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

function report(sidecars: readonly Sidecar[], load: string, replaced: number): void {
  const problems: string[] = [];
  process.stdout.write(`${minutes} minutes, ${replaced} pods replaced, load: ${load}\n`);
  if ((JSON.parse(load) as { errors: number }).errors > 0) problems.push("the load saw errors");
  for (const { name, series } of sidecars) {
    for (const [what, bound] of Object.entries(bounds) as [Watched, number][]) {
      const { rise, mean, samples } = trendOf(series[what], minutes * 60 * warmUp);
      const line = `${name} ${what}: mean ${mean.toFixed(0)}, rise ${rise.toFixed(1)} in ${samples} samples`;
      process.stdout.write(`${line}\n`);
      if (rise > bound) problems.push(`${line}, more than ${bound}`);
    }
  }
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
