/** `npm run cluster -- …`: the cluster of the tests, by hand. */
import { spawnSync } from "node:child_process";
import { type Cluster, listClusters, openCluster, removeCluster, startCluster } from "./cluster.ts";
import { imageSettings, loadProjectImages } from "./image/load-images.ts";
import { whyNoCluster } from "./node/required-programs.ts";
import { buildKubectl } from "./programs.ts";

const usage = `A real single-node Kubernetes in namespaces of its own, without Docker and without a registry.

  npm run cluster -- up                start it; the first time its programs are built, which takes minutes
  npm run cluster -- status            the clusters of this machine, and what runs in them
  npm run cluster -- kubeconfig        print the path of the file that KUBECONFIG wants
  npm run cluster -- kubectl ARGS…     kubectl of the same version, as the administrator
  npm run cluster -- load-image FILE…  load OCI or Docker archives; pods name them with imagePullPolicy Never
  npm run cluster -- load-images       make and load those of the mesh and of the example, and print their names
  npm run cluster -- stop PROGRAM      end one of its programs, such as kube-apiserver
  npm run cluster -- start PROGRAM     start it again
  npm run cluster -- down [--all]      end it and remove everything; also what a killed run has left

The environment variable REMORA_CLUSTER names the cluster (default: dev), so several can run at once.
`;

const name = process.env["REMORA_CLUSTER"] ?? "dev";
const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  process.exitCode = await runCommand(process.argv.slice(2));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function runCommand([command, ...args]: readonly string[]): Promise<number> {
  switch (command) {
    case "up":
      return up();
    case "down":
      return down(args.includes("--all") ? listClusters() : [name]);
    case "status":
      return status();
    case "kubeconfig":
      process.stdout.write(`${running().kubeconfig}\n`);
      return 0;
    case "kubectl":
      return kubectl(args);
    case "load-image":
      for (const file of args) {
        running().loadImage(file);
        say(`loaded ${file}`);
      }
      return args.length > 0 ? 0 : refuse("load-image needs the path of an archive");
    case "load-images":
      await loadProjectImages([running()]);
      for (const [key, image] of Object.entries(imageSettings)) {
        process.stdout.write(`export ${key}=${image}\n`);
      }
      return 0;
    case "stop":
      await running().members.stop(args[0] ?? "");
      return 0;
    case "start":
      running().members.restart(args[0] ?? "");
      return 0;
    case "help":
    case "--help":
    case undefined:
      process.stdout.write(usage);
      return command === undefined ? 64 : 0;
    default:
      return refuse(`there is no command ${command}`);
  }
}

async function up(): Promise<number> {
  const reason = whyNoCluster();
  if (reason !== undefined) throw new Error(reason);
  const began = performance.now();
  const cluster = await startCluster({ name, bound: false, say });
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  say(`the cluster ${name} is up after ${seconds} s; point your tools at it with`);
  process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig}\n`);
  return 0;
}

async function down(names: readonly string[]): Promise<number> {
  for (const one of names) {
    await removeCluster(one);
    say(`nothing is left of the cluster ${one}`);
  }
  return 0;
}

function status(): number {
  const names = listClusters();
  if (names.length === 0) say("no cluster is on this machine");
  for (const one of names) {
    const cluster = openCluster(one);
    if (cluster === undefined) {
      process.stdout.write(`${one}: left behind by a killed run; end it with down\n`);
      continue;
    }
    process.stdout.write(`${one}: KUBECONFIG=${cluster.kubeconfig}\n`);
    for (const member of cluster.members.names()) {
      const state = cluster.members.ended(member) === undefined ? "runs" : "has ended";
      process.stdout.write(`  ${member} ${state}\n`);
    }
  }
  return 0;
}

async function kubectl(args: readonly string[]): Promise<number> {
  const { kubeconfig } = running();
  const program = await buildKubectl();
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  return spawnSync(program, args, { stdio: "inherit", env }).status ?? 1;
}

function running(): Cluster {
  const cluster = openCluster(name);
  if (cluster !== undefined) return cluster;
  throw new Error(`the cluster ${name} does not run; start it with: npm run cluster -- up`);
}

function refuse(reason: string): number {
  process.stderr.write(`${reason}\n\n${usage}`);
  return 64;
}
