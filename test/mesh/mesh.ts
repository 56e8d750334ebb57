/** A local mesh for a test file, brought up and asked through the real command line. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { parseMetricsText, type Sample } from "../../src/cli/traffic/metrics-text.ts";
import { type Program, type ProgramOptions, runProgram, startProgram } from "../apps/program.ts";

export interface ContainerInfo {
  readonly name: string;
  readonly pid: number | null;
  readonly ready: boolean;
  readonly restarts: number;
  readonly sidecar: boolean;
}

/** What `remora ps --output json` tells of a pod. */
export interface PodInfo {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly identity: string | null;
  readonly ready: boolean;
  readonly containers: readonly ContainerInfo[];
}

export interface Mesh extends AsyncDisposable {
  /** Runs a command to its end inside a pod (`deploy/name` or a pod's name); rejects unless the code is 0. */
  ask(pod: string, ...command: (string | number)[]): Promise<string>;
  /** The same with whatever exit code. */
  exec(
    pod: string,
    command: readonly (string | number)[],
    options?: ProgramOptions & { readonly timeoutMillis?: number },
  ): Promise<{ readonly code: number; readonly text: string }>;
  /** Starts a command inside a pod and leaves it running. */
  start(pod: string, ...command: (string | number)[]): Promise<Program>;
  /** One of the programs in test/apps, run in a pod; gives the JSON that it prints. */
  question(pod: string, program: string, ...args: (string | number)[]): Promise<Answers>;
  pods(): Promise<readonly PodInfo[]>;
  /** The only pod of a Deployment. */
  pod(deployment: string): Promise<PodInfo>;
  /** The metrics of a pod's sidecar, scraped from the host as Prometheus would. */
  metrics(pod: PodInfo): Promise<readonly Sample[]>;
  apply(...files: string[]): Promise<void>;
  remora(...args: string[]): Promise<{ readonly code: number; readonly text: string }>;
}

export type Answers = Readonly<Record<string, unknown>>;

export interface MeshOptions {
  readonly namespace: string;
  /** Added to the environment of `remora up`. */
  readonly env?: Readonly<Record<string, string>>;
}

const cli = [process.execPath, "src/bin/remora.ts"];
export const python = "/usr/bin/python3";

/** Says why no mesh can run here; undefined when it can. */
export function whyNoMesh(): string | undefined {
  if (spawnSync("ip", ["-V"]).error !== undefined) return "the program `ip` is not installed";
  if (process.getuid?.() === 0) return undefined;
  const userNamespace = spawnSync("unshare", ["-Urn", "true"]);
  return userNamespace.status === 0 ? undefined : "user namespaces are not allowed here";
}

/** Options for a test that needs a mesh, and perhaps programs. */
export function needs(...programs: string[]): { readonly skip?: string } {
  const missing = programs.filter((program) => !isInstalled(program));
  const reason =
    whyNoMesh() ?? (missing.length > 0 ? `not installed: ${missing.join(", ")}` : undefined);
  return reason === undefined ? {} : { skip: reason };
}

function isInstalled(program: string): boolean {
  if (program.startsWith("/")) return existsSync(program);
  if (program === "grpcio") return spawnSync(python, ["-c", "import grpc"]).status === 0;
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** Returns when every pod is ready. Disposing of it takes everything down. */
export async function startMesh(
  purpose: string,
  manifests: readonly string[],
  options: MeshOptions,
): Promise<Mesh> {
  const name = `test-${purpose}-${process.pid}`;
  const files = manifests.flatMap((file) => ["-f", `test/mesh/manifests/${file}`]);
  const environment = options.env === undefined ? {} : { env: options.env };
  const remora = (...args: string[]) =>
    runProgram([...cli, ...args, "--name", name], environment, 120_000);
  const up = await remora("up", ...files, "--detach", "--timeout", "60s");
  if (up.code !== 0) {
    await remora("down");
    assert.fail(`the mesh did not come up:\n${up.text}`);
  }
  return createMesh(name, options, remora);
}

function createMesh(name: string, options: MeshOptions, remora: Mesh["remora"]): Mesh {
  const { namespace, env = {} } = options;
  const inPod = (pod: string, command: readonly (string | number)[]) => [
    ...cli,
    "exec",
    pod,
    "--name",
    name,
    "-n",
    namespace,
    "--",
    ...command.map(String),
  ];
  const exec: Mesh["exec"] = (pod, command, options = {}) =>
    runProgram(inPod(pod, command), { ...options, env }, options.timeoutMillis ?? 120_000);
  const ask: Mesh["ask"] = async (pod, ...command) => {
    const { code, text } = await exec(pod, command);
    assert.equal(code, 0, `${command.join(" ")} in ${pod} ended with ${code}:\n${text}`);
    return text;
  };
  const pods: Mesh["pods"] = async () => {
    const { code, text } = await remora("ps", "--all", "--output", "json");
    assert.equal(code, 0, text);
    return JSON.parse(text) as PodInfo[];
  };
  return {
    ask,
    exec,
    pods,
    remora,
    start: (pod, ...command) => startProgram(inPod(pod, command), { env }),
    async question(pod, program, ...args) {
      const runtime = program.endsWith(".py") ? python : "node";
      const text = await ask(pod, runtime, `test/apps/${program}`, ...args);
      const line = text.trim().split("\n").at(-1) ?? "";
      return JSON.parse(line) as Answers;
    },
    async pod(deployment) {
      const all = await pods();
      const found = all.find(
        (pod) => pod.namespace === namespace && pod.name.startsWith(`${deployment}-`),
      );
      assert.ok(found, `no pod of ${deployment} in ${JSON.stringify(all)}`);
      return found;
    },
    async metrics(pod) {
      const response = await fetch(`http://${pod.ip}:15020/metrics`);
      return parseMetricsText(await response.text());
    },
    async apply(...manifests) {
      const args = manifests.flatMap((file) => ["-f", file]);
      const { code, text } = await remora("apply", ...args);
      assert.equal(code, 0, text);
    },
    async [Symbol.asyncDispose]() {
      const { code, text } = await remora("down");
      assert.equal(code, 0, text);
    },
  };
}

/** The sum of the samples of one metric whose labels hold what is given. */
export function sumOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((total, sample) => total + sample.value, 0);
}

/** Tries until the condition holds; the last problem is the error. */
export async function until<T>(millis: number, condition: () => Promise<T> | T): Promise<T> {
  const deadline = performance.now() + millis;
  for (;;) {
    try {
      return await condition();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
