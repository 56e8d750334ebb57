/** A real sidecar under attack: the mesh that holds it, a client that behaves, and what an attack did to both. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { openForger } from "../../mesh/forger.ts";
import { type Mesh, type PodInfo, startMesh, sumOf } from "../../mesh/mesh.ts";
import { callers, startHostileServer, upstreamAttacks } from "./attacks-upstream.ts";
import { meterProcess, type ProcessMeter } from "./process-meter.ts";

export interface Lab extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly pod: PodInfo;
  readonly sidecar: ProcessMeter;
  /** From outside the mesh, on the application's port and on the mesh port. */
  attack(name: string, millis: number): Promise<Damage>;
  /** By a server outside the mesh that the pod's application asks. */
  betray(name: string, millis: number): Promise<Damage>;
}

/** What an attack sent, and what it cost itself. */
interface Sent {
  readonly bytes: number;
  readonly connections: number;
  /** The most that were open at once. */
  readonly most: number;
  readonly attackerMillis: number;
}

export interface Damage extends Sent {
  /** Highest resident memory of the sidecar during the attack, less that before it. */
  readonly grown: number;
  /** CPU time of the sidecar, less what the good client alone costs in the same time. */
  readonly sidecarMillis: number;
  readonly served: number;
  readonly failures: readonly string[];
  readonly p99: number;
  readonly calmP99: number;
  /** CPU time that the sidecar spent while one of the others' requests waited, at the 99th percentile. */
  readonly work: number;
  /** The same beside clients that behave and cost the sidecar as much as the attack. */
  readonly harmlessWork: number;
}

interface Report {
  readonly served: number;
  readonly failures: readonly string[];
  readonly p99: number;
  readonly work: number;
}

const appPort = 8_080;
const calmMillis = 700;
const harmlessMillis = 1_000;

export async function openLab(purpose: string): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), `remora-${purpose}-`));
  const env = { REMORA_STATE_DIRECTORY: folder };
  const mesh = await startMesh(purpose, ["victim.yaml"], { namespace: "victim", env });
  const credentials = forgeCredentials(folder);
  const pod = await mesh.pod("app");
  const pid = pod.containers.find((container) => container.sidecar)?.pid ?? 0;
  const sidecar = meterProcess(pid);
  const good = startGoodClient(pod.ip, pid);
  const calm = async (millis: number): Promise<Report & { cpuMillis: number }> => {
    await good.report();
    const before = sidecar.cpuMillis();
    await new Promise((resolve) => setTimeout(resolve, millis));
    const cpuMillis = sidecar.cpuMillis() - before;
    return { ...(await good.report()), cpuMillis };
  };
  const measure = async (attack: () => Promise<Sent>): Promise<Damage> => {
    const before = await calm(calmMillis);
    sidecar.resetPeak();
    const cpuBefore = sidecar.cpuMillis();
    const began = performance.now();
    const sent = await attack();
    const after = await good.report();
    const took = performance.now() - began;
    const grown = sidecar.peakGrowth();
    const cpuMillis = sidecar.cpuMillis() - cpuBefore;
    await runHarmless(pod.ip, pid, Math.min(1, cpuMillis / took));
    const harmless = await good.report();
    return {
      ...sent,
      grown,
      sidecarMillis: cpuMillis - (before.cpuMillis * took) / calmMillis,
      work: after.work,
      harmlessWork: harmless.work,
      served: after.served,
      failures: after.failures,
      p99: after.p99,
      calmP99: before.p99,
    };
  };
  // The first second of a process is not like the others.
  await calm(1_000);
  return {
    mesh,
    pod,
    sidecar,
    attack: (name, millis) => measure(() => runAttacker(name, pod.ip, millis, credentials)),
    betray: (name, millis) => measure(() => runHostileServer(mesh, pod, name, millis)),
    async [Symbol.asyncDispose]() {
      good.stop();
      await mesh[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What an attacker from inside the mesh has: a certificate that its authority would issue. */
function forgeCredentials(folder: string): NodeJS.ProcessEnv {
  const [name = ""] = readdirSync(folder);
  const forger = openForger(join(folder, name, "authority", "own"));
  const uri = "spiffe://cluster.local/ns/victim/sa/attacker";
  const { cert, key } = forger.forge({ uri, endsIn: 3_600_000 });
  return { ATTACKER_CERT: cert, ATTACKER_KEY: key };
}

async function runAttacker(
  name: string,
  host: string,
  millis: number,
  credentials: NodeJS.ProcessEnv,
): Promise<Sent> {
  const program = ["test/hostile/lab/attacker.ts", name, host, String(appPort), String(millis)];
  const env = { ...process.env, ...credentials };
  const child = spawn(process.execPath, program, { env, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => void (text += piece));
  await once(child, "close");
  return JSON.parse(text) as Sent;
}

async function runHarmless(host: string, pid: number, share: number): Promise<void> {
  const numbers = [appPort, pid, share, harmlessMillis].map(String);
  const program = ["test/hostile/lab/harmless.ts", host, ...numbers];
  await once(spawn(process.execPath, program, { stdio: "inherit" }), "close");
}

async function runHostileServer(
  mesh: Mesh,
  pod: PodInfo,
  name: string,
  millis: number,
): Promise<Sent> {
  const answer = upstreamAttacks[name];
  if (answer === undefined) throw new Error(`no server does ${name}`);
  const server = await startHostileServer(answer);
  const before = process.cpuUsage();
  const program = ["node", "test/hostile/lab/caller.ts", addressBeside(pod.ip), server.port];
  try {
    await mesh.ask("deploy/app", ...program, callers, millis);
  } finally {
    server.close();
  }
  const { user, system } = process.cpuUsage(before);
  const { bytes, connections } = server;
  return { bytes, connections, most: 2 * callers, attackerMillis: (user + system) / 1_000 };
}

/** The host's own address in the mesh's network. */
function addressBeside(ip: string): string {
  const prefix = ip.slice(0, ip.lastIndexOf(".") + 1);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const found = addresses.find(({ address }) => address.startsWith(prefix));
  if (found === undefined) throw new Error(`the host has no address beside ${ip}`);
  return found.address;
}

function startGoodClient(host: string, pid: number): { report(): Promise<Report>; stop(): void } {
  const program = ["test/hostile/lab/good-client.ts", host, String(appPort), String(pid)];
  const child: ChildProcess = spawn(process.execPath, program, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: Interface = createInterface(child.stdout as NodeJS.ReadableStream);
  return {
    async report() {
      const line = once(lines, "line");
      child.stdin?.write("report\n");
      return JSON.parse(((await line) as [string])[0]) as Report;
    },
    stop: () => void child.kill(),
  };
}

/** Open connections that the sidecar itself counts. */
export async function openWires({ mesh, pod }: Lab): Promise<number> {
  return sumOf(await mesh.metrics(pod), "remora_wires");
}
