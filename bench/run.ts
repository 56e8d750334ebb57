/** `npm run bench`: measures the built proxy beside its peers, on this machine, in one run. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { benchControl } from "./control/run.ts";
import { measureScenario } from "./measure-scenario.ts";
import { type BenchOptions, parseOptions, usage } from "./options.ts";
import type { Peer } from "./peer.ts";
import { allPeers } from "./peers/all.ts";
import { publish } from "./publish.ts";
import { describeMachine } from "./report/machine.ts";
import { report, scenarioTable } from "./report/markdown.ts";
import type { Measurement, PeerRecord, Results } from "./report/results.ts";
import { allScenarios } from "./scenarios/all.ts";
import { createCertificates } from "./site/certificates.ts";
import { removeLeftovers, removeOwn } from "./site/network.ts";

const resultsFolder = new URL("./results/", import.meta.url).pathname;

/** Start and stop of what is measured, beside the measurement and its warm-up. */
const overheadSeconds = 1.5;

const options = process.argv[2] === "control" ? "control" : read();
if (options === "control") await benchControl(process.argv.slice(3));
else if (options === "list") list();
else if (options !== undefined) await bench(options);

function read(): ReturnType<typeof parseOptions> | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 64;
    return undefined;
  }
}

function list(): void {
  for (const { name, title } of allScenarios) process.stdout.write(`${name.padEnd(16)} ${title}\n`);
  process.stdout.write("\n");
  for (const { name, description } of allPeers)
    process.stdout.write(`${name.padEnd(16)} ${description}\n`);
}

async function bench(options: BenchOptions): Promise<void> {
  const obstacle = findObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`${obstacle}\n`);
    process.exitCode = 1;
    return;
  }
  const cores = { proxies: 0, load: 1 };
  // The bench's own work must not run on the core that is measured.
  execFileSync("taskset", ["-a", "-c", "-p", String(cores.load), String(process.pid)]);
  removeLeftovers();
  const folder = mkdtempSync(`${tmpdir()}/remora-bench-`);
  // An unprivileged proxy must be able to walk into its own part of it.
  execFileSync("chmod", ["755", folder]);
  cleanUpAtExit(folder);

  // Some scenarios bring peers of their own, such as one sidecar with this feature and one with that.
  const brought = options.scenarios.flatMap(({ peers = [] }) => peers);
  const peers = await findPeers([...new Set([...options.peers, ...brought])]);
  const present = options.peers.filter((peer) =>
    peers.some(({ name, missing }) => name === peer.name && missing === undefined),
  );
  const measurements: Measurement[] = [];
  const results: Results = {
    date: new Date().toISOString(),
    machine: await describeMachine(),
    rounds: options.rounds,
    seconds: options.seconds,
    peers,
    scenarios: options.scenarios.map(({ name, title, metrics, abstains = [] }) => ({
      name,
      title,
      metrics,
      abstains,
    })),
    measurements,
  };
  const { rounds, seconds } = options;
  progress(`about ${estimateMinutes(options, present)} minutes`);
  const certificates = await createCertificates(folder);
  const place = { folder, certificates, cores, rounds, seconds, onProgress: progress };
  for (const scenario of options.scenarios) {
    measurements.push(...(await measureScenario(scenario, present, place)));
    progress("");
    process.stdout.write(`${scenarioTable(results, scenario)}\n`);
    // Written after each scenario: a long run that is cut short keeps what it has.
    write(options, results);
  }
  const file = write(options, results);
  process.stdout.write(`\n${report(results)}\nwritten to ${file}\n`);
  if (options.publish) publish([file]);
}

function estimateMinutes({ scenarios, rounds, seconds }: BenchOptions, peers: readonly Peer[]) {
  const each = seconds + Math.min(seconds, 1) + overheadSeconds;
  const measurements = scenarios.reduce((sum, scenario) => {
    const takePart = (scenario.peers ?? peers).filter(({ carries }) =>
      carries.includes(scenario.traffic),
    );
    return sum + takePart.length * rounds;
  }, 0);
  return Math.ceil((measurements * each) / 60);
}

function findObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "the bench makes network namespaces, and that needs root";
  if (availableParallelism() < 2)
    return "the bench needs two cores: one for the proxies, one for the load";
  return undefined;
}

async function findPeers(peers: readonly Peer[]): Promise<PeerRecord[]> {
  const records: PeerRecord[] = [];
  for (const peer of peers) {
    const { name, description } = peer;
    const availability = await peer.available();
    records.push({ name, description, ...availability });
    if ("missing" in availability)
      process.stderr.write(`${name}: not installed: ${availability.missing}\n`);
  }
  return records;
}

function write(options: BenchOptions, results: Results): string {
  mkdirSync(resultsFolder, { recursive: true });
  const name = results.date.replace(/\.\d+Z$/, "Z").replaceAll(":", "");
  const file = options.output ?? `${resultsFolder}${name}.json`;
  writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(file.replace(/(\.json)?$/, ".md"), report(results));
  return file;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else if (text !== "") process.stderr.write(`${text}\n`);
}

function cleanUpAtExit(folder: string): void {
  process.on("exit", () => {
    removeOwn();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => process.exit(130));
}
