/** The real control plane on loopback: identity and control as they are built in dist/, each pinned to a core. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { seconds } from "../../src/core/duration.ts";
import { createTokenSigner } from "../../src/identity/local-issuer.ts";

export interface Place {
  readonly folder: string;
  readonly tokenFile: string;
  readonly bundleFile: string;
  readonly identityPort: number;
  readonly kubeconfig: string;
  token(namespace: string, account: string, pod: number): string;
}

export interface Program {
  readonly pid: number;
  readonly port: number;
  readonly startedAt: number;
  metrics(): Promise<string>;
  stop(signal: NodeJS.Signals): Promise<void>;
}

export function createPlace(folder: string, apiPort: number, identityPort: number): Place {
  mkdirSync(`${folder}/bundle`);
  mkdirSync(`${folder}/authority`);
  const signer = createTokenSigner(`${folder}/tokens`);
  const kubeconfig = `${folder}/kubeconfig`;
  const cluster = { server: `http://127.0.0.1:${apiPort}`, "insecure-skip-tls-verify": true };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "bench",
      clusters: [{ name: "bench", cluster }],
      users: [{ name: "bench", user: {} }],
      contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
    }),
  );
  const token = (namespace: string, serviceAccount: string, pod: number): string =>
    signer.sign({
      namespace,
      serviceAccount,
      podName: `pod-${pod}`,
      podUid: `uid-${pod}`,
      audience: "remora",
      lifetime: seconds(86_400),
    });
  const tokenFile = `${folder}/app.token`;
  writeFileSync(tokenFile, token("ns-0", "app", 0));
  writeFileSync(`${folder}/control.token`, token("remora-system", "remora-control", 1));
  const bundleFile = `${folder}/bundle/ca.pem`;
  return { folder, tokenFile, bundleFile, identityPort, kubeconfig, token };
}

export function startIdentity(place: Place, metricsPort: number, core: number): Promise<Program> {
  const { folder, bundleFile, identityPort } = place;
  const env = {
    REMORA_IDENTITY_CA_DIR: `${folder}/authority`,
    REMORA_IDENTITY_JWKS_FILE: `${folder}/tokens/jwks.json`,
    REMORA_IDENTITY_TOKEN_ISSUER: "https://local.remora.dev",
    REMORA_IDENTITY_BUNDLE_FILE: bundleFile,
    REMORA_IDENTITY_LISTEN: `127.0.0.1:${identityPort}`,
    REMORA_IDENTITY_METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
    REMORA_IDENTITY_LOG_LEVEL: "warn",
  };
  return startProgram("identity", env, { port: identityPort, metricsPort, core });
}

export function startControl(
  place: Place,
  port: number,
  metricsPort: number,
  core: number,
): Promise<Program> {
  const env = {
    REMORA_CONTROL_KUBECONFIG: place.kubeconfig,
    REMORA_CONTROL_REPLICA: String(port),
    REMORA_CONTROL_LISTEN: `127.0.0.1:${port}`,
    REMORA_CONTROL_METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
    REMORA_CONTROL_LOG_LEVEL: "warn",
    REMORA_IDENTITY_ADDRESS: `localhost:${place.identityPort}`,
    REMORA_TOKEN_FILE: `${place.folder}/control.token`,
    REMORA_TRUST_BUNDLE_FILE: place.bundleFile,
  };
  // Those of the chart.
  const flags = ["--max-heap-size=384", "--max-semi-space-size=4"];
  return startProgram("control", env, { port, metricsPort, core, flags });
}

interface ProgramPlace {
  readonly port: number;
  readonly metricsPort: number;
  readonly core: number;
  readonly flags?: readonly string[];
}

async function startProgram(
  name: string,
  env: Readonly<Record<string, string>>,
  { port, metricsPort, core, flags = [] }: ProgramPlace,
): Promise<Program> {
  const startedAt = performance.now();
  const command = [process.execPath, "--no-warnings", ...flags, `dist/${name}.js`];
  const argv = ["--cpu-list", String(core), ...command];
  const child = spawn("taskset", argv, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: "inherit",
  });
  const url = `http://127.0.0.1:${metricsPort}`;
  const program: Program = {
    pid: child.pid ?? 0,
    port,
    startedAt,
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    stop: (signal) => stopChild(child, signal),
  };
  process.once("exit", () => child.kill("SIGKILL"));
  const end = performance.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    if (performance.now() > end) throw new Error(`${name} was not ready in a minute`);
    const ready = await fetch(`${url}/ready`).catch(() => undefined);
    if (ready?.ok === true) return program;
    await delay(20);
  }
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

/** A program of the bench itself, with which messages are exchanged. */
export interface Helper<Order, Report> {
  tell(order: Order): void;
  ask(order: Order): Promise<Report>;
  next(): Promise<Report>;
  stop(): Promise<void>;
}

export function startHelper<Order extends object, Report>(
  file: string,
  args: readonly string[],
): Helper<Order, Report> {
  const child = fork(new URL(file, import.meta.url), args, {
    execArgv: ["--no-warnings", "--experimental-ffi", "--max-old-space-size=6000"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${file} ended with ${code}`);
  });
  ended.catch(() => {});
  const next = async (): Promise<Report> => {
    const [report] = (await Promise.race([once(child, "message"), ended])) as [Report];
    return report;
  };
  return {
    tell: (order) => void child.send(order),
    ask(order) {
      const answer = next();
      child.send(order);
      return answer;
    },
    next,
    stop: () => stopChild(child, "SIGTERM"),
  };
}
