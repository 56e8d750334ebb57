/** `npm run bench -- control`: one control replica and one identity replica at the size that the design names. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { cpuNanoseconds } from "../measure/cpu.ts";
import { privateMegabytes } from "../measure/memory.ts";
import { describeMachine } from "../report/machine.ts";
import type { ApiOrder, ApiReport } from "./fake-api-server.ts";
import type { IdentityLoadReport, IdentityLoadSettings } from "./identity-load.ts";
import { podsOf, podUid } from "./objects.ts";
import {
  createPlace,
  type Helper,
  type Place,
  type Program,
  startControl,
  startHelper,
  startIdentity,
} from "./programs.ts";
import { controlTable, type Figure } from "./report.ts";
import type { SubscriberOrder, SubscriberReport, SubscriberSettings } from "./subscribers.ts";

type Api = Helper<ApiOrder, ApiReport>;
type Proxies = Helper<SubscriberOrder | { readonly kind: "report" }, SubscriberReport>;

const cores = { measured: 0, load: 1 };

export async function benchControl(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pods: { type: "string", default: "10000" },
      services: { type: "string", default: "2000" },
      proxies: { type: "string", default: "1000" },
      changes: { type: "string", default: "100" },
    },
  });
  const size = { pods: Number(values.pods), services: Number(values.services) };
  const proxies = Number(values.proxies);
  execFileSync("taskset", ["-a", "-c", "-p", String(cores.load), String(process.pid)]);
  const folder = mkdtempSync(`${tmpdir()}/remora-bench-control-`);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const figures: Figure[] = [];
  const note = (name: string, value: number, unit: string, budget?: Figure["budget"]): void => {
    figures.push({ name, value, unit, ...(budget === undefined ? {} : { budget }) });
    process.stderr.write(`${name}: ${value.toPrecision(4)} ${unit}\n`);
  };

  const api: Api = startHelper("./fake-api-server.ts", [values.pods, values.services]);
  const { port: apiPort = 0 } = await api.next();
  const ports = await freePorts(8);
  const [identityPort = 0, identityMetrics = 0] = ports;
  const place = createPlace(folder, apiPort, identityPort);
  const identity = await startIdentity(place, identityMetrics, cores.measured);
  await measureIdentity(place, identity, note);

  const first = await startControl(place, ports[2] ?? 0, ports[3] ?? 0, cores.measured);
  note("start to ready", (performance.now() - first.startedAt) / 1_000, "s");
  note("start to ready, CPU", cpuNanoseconds(first.pid) / 1e9, "s");
  await delay(3_000);
  note("private memory, no proxy", privateMegabytes(first.pid), "MB");
  const settings: SubscriberSettings = {
    identityPort,
    tokenFile: place.tokenFile,
    bundleFile: place.bundleFile,
    proxies,
    services: 20,
    of: size.services,
  };
  const subscribers: Proxies = startHelper("./subscribers.ts", [JSON.stringify(settings)]);
  subscribers.tell({ kind: "ports", ports: [first.port] });
  subscribers.tell({ kind: "start" });
  const began = performance.now();
  await until("all proxies follow", async () => {
    return (await subscribers.ask({ kind: "report" })).subscribed === proxies;
  });
  note(`${proxies} proxies connected and told`, (performance.now() - began) / 1_000, "s");
  await delay(3_000);
  note(`private memory, ${proxies} proxies`, privateMegabytes(first.pid), "MB", { most: 400 });

  const resource = podUid(podsOf(0, size)[0] ?? 0);
  const cpuBefore = cpuNanoseconds(first.pid);
  const latencies = await measureChanges(
    api,
    subscribers,
    resource,
    Number(values.changes),
    proxies,
  );
  note("endpoint change at every proxy, median", percentile(latencies, 0.5), "ms");
  note("endpoint change at every proxy, p99", percentile(latencies, 0.99), "ms", { most: 1_000 });
  note("endpoint change at every proxy, last", percentile(latencies, 1), "ms");
  const perChange = (cpuNanoseconds(first.pid) - cpuBefore) / 1e6 / Number(values.changes);
  note("CPU of one change and all its messages", perChange, "ms");
  note("build of one change", (await metric(first, "snapshot_build_seconds")) * 1_000, "ms");
  const rolled = performance.now();
  await api.ask({ kind: "roll", pods: 500 });
  const after = await measureChanges(api, subscribers, resource, 2, proxies);
  note("rollout of 100 services, then a change, p99", percentile(after, 0.99), "ms");
  note("rollout and change", (performance.now() - rolled) / 1_000, "s");
  note("private memory after changes", privateMegabytes(first.pid), "MB", { most: 400 });

  const second = await startControl(place, ports[4] ?? 0, ports[5] ?? 0, cores.measured);
  await measureMove("rolling restart", first, second, "SIGTERM", { subscribers, proxies, note });
  const third = await startControl(place, ports[6] ?? 0, ports[7] ?? 0, cores.measured);
  await measureMove("crash", second, third, "SIGKILL", { subscribers, proxies, note });

  await subscribers.stop();
  await third.stop("SIGKILL");
  await identity.stop("SIGKILL");
  await api.stop();
  const machine = await describeMachine();
  const results = {
    date: new Date().toISOString(),
    kind: "control",
    machine,
    size,
    proxies,
    figures,
  };
  process.stdout.write(`\n${controlTable(results)}\nwritten to ${write(results)}\n`);
}

async function measureIdentity(
  place: Place,
  identity: Program,
  note: (name: string, value: number, unit: string, budget?: Figure["budget"]) => void,
): Promise<void> {
  const tokensFile = `${place.folder}/tokens.json`;
  const tokens = Array.from({ length: 500 }, (_, pod) => place.token("ns-0", "app", pod));
  writeFileSync(tokensFile, JSON.stringify(tokens));
  const settings: IdentityLoadSettings = {
    identityPort: place.identityPort,
    tokenFile: place.tokenFile,
    bundleFile: place.bundleFile,
    tokensFile,
    seconds: 10,
    concurrency: 64,
  };
  const load = startHelper<object, IdentityLoadReport>("./identity-load.ts", [
    JSON.stringify(settings),
  ]);
  const before = cpuNanoseconds(identity.pid);
  const { certificates, failures, seconds, total } = await load.next();
  const cpu = (cpuNanoseconds(identity.pid) - before) / 1e9;
  note("certificates of one identity replica", certificates / seconds, "/s");
  // Of the core's time: what others do on the machine meanwhile does not count.
  note("certificates per second of its CPU", total / cpu, "/s", { least: 1_000 });
  note("certificates that failed", failures, "", { most: 0 });
}

/** Milliseconds from the API server's event to each proxy's message, over all changes. */
async function measureChanges(
  api: Api,
  subscribers: Proxies,
  resource: string,
  changes: number,
  proxies: number,
): Promise<readonly number[]> {
  const found: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    subscribers.tell({ kind: "expect", resource });
    const ready = change % 2 === 1;
    const { at = "0" } = await api.ask({ kind: "ready", service: 0, ready });
    let heard: readonly string[] = [];
    await until("every proxy has heard", async () => {
      ({ heard } = await subscribers.ask({ kind: "report" }));
      return heard.length >= proxies;
    });
    for (const time of heard) found.push(Number(BigInt(time) - BigInt(at)) / 1e6);
  }
  return found;
}

interface Move {
  readonly subscribers: Proxies;
  readonly proxies: number;
  readonly note: (name: string, value: number, unit: string, budget?: Figure["budget"]) => void;
}

/** All proxies lose their replica while another is there, as behind a Service. */
async function measureMove(
  name: string,
  from: Program,
  to: Program,
  signal: NodeJS.Signals,
  { subscribers, proxies, note }: Move,
): Promise<void> {
  subscribers.tell({ kind: "ports", ports: [to.port] });
  subscribers.tell({ kind: "expect", resource: "" });
  const began = process.hrtime.bigint();
  const stopped = from.stop(signal);
  let report: SubscriberReport | undefined;
  await until("all proxies are back", async () => {
    report = await subscribers.ask({ kind: "report" });
    return report.answered.length >= proxies && report.connected >= proxies;
  });
  await stopped;
  const times = (report?.answered ?? []).map((at) => Number(BigInt(at) - began) / 1e6);
  const inSteps = Map.groupBy(times, (time) => Math.floor(time / 100));
  const most = Math.max(...Array.from(inSteps.values(), (step) => step.length));
  note(`${name}: last proxy back after`, Math.max(...times) / 1_000, "s");
  note(`${name}: most reconnects within 100 ms`, most, "");
  note(`${name}: resources sent again`, report?.resources ?? 0, "", { most: 0 });
  note(`${name}: private memory of the other replica`, privateMegabytes(to.pid), "MB", {
    most: 400,
  });
}

async function metric(program: Program, name: string): Promise<number> {
  const text = await program.metrics();
  return Number(new RegExp(`^remora_control_${name} (\\S+)$`, "m").exec(text)?.[1]);
}

/** Machines that are shared are slow, and still worth measuring by CPU time. */
const patience = 600_000;

async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patience;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`not within ten minutes: ${what}`);
    await delay(50);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function write(results: Parameters<typeof controlTable>[0]): string {
  const folder = new URL("../results/", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const name = results.date.replace(/\.\d+Z$/, "Z").replaceAll(":", "");
  const file = `${folder}${name}-control.json`;
  writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(file.replace(/\.json$/, ".md"), controlTable(results));
  return file;
}
