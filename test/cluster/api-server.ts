/**
 * A real API server without a cluster: etcd and kube-apiserver on free ports of loopback, ready within seconds.
 * Nothing acts on what it stores: no controller makes service accounts or EndpointSlices, no scheduler places pods.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../apps/free-ports.ts";
import { type CertificateWish, createAuthority, createTokenKey } from "./certificates.ts";
import { apiServerCommand, etcdCommand } from "./control-plane-commands.ts";
import { startDaemon } from "./daemon.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { buildEtcd, buildKubectl, buildKubernetes } from "./programs.ts";
import { awaitReady } from "./readiness.ts";

const run = promisify(execFile);

export interface ApiServer {
  /** A file that makes its reader the administrator. */
  readonly kubeconfig: string;
  readonly url: string;
  /** The root that signed the server's certificate, PEM in a file. */
  readonly rootFile: string;
  readonly folder: string;
  /** A kubeconfig of anybody: what a program with little rights may do is tested with it. */
  kubeconfigAs(wish: Omit<CertificateWish, "hosts">): Promise<string>;
  /** Runs kubectl as the administrator and gives what it printed; `input` becomes `-f -`. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** The API server ends; etcd keeps what was stored. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** The same server again, on the same port. */
  start(): Promise<void>;
  /** Ends everything and removes its files. */
  close(): Promise<void>;
}

export interface ApiServerOptions {
  /** More flags of kube-apiserver. */
  readonly flags?: readonly string[];
}

/** Several may run at once; each has a folder, ports and an authority of its own. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const etcdProgram = await buildEtcd();
  const [program = ""] = await buildKubernetes("kube-apiserver");
  const kubectl = await buildKubectl();
  const folder = mkdtempSync(join(tmpdir(), "remora-api-server-"));
  try {
    return await startIn(folder, { etcdProgram, program, kubectl }, options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Programs {
  readonly etcdProgram: string;
  readonly program: string;
  readonly kubectl: string;
}

async function startIn(
  folder: string,
  { etcdProgram, program, kubectl }: Programs,
  options: ApiServerOptions,
): Promise<ApiServer> {
  const authority = await createAuthority(folder);
  const hosts = ["IP:127.0.0.1", "DNS:localhost", "DNS:kubernetes.default.svc"];
  const [tokens, serving, admin, [clientPort = 0, peerPort = 0, port = 0]] = await Promise.all([
    createTokenKey(folder),
    authority.issue("api-server", { user: "kube-apiserver", hosts }),
    authority.issue("admin", { user: "admin", groups: ["system:masters"] }),
    freePorts(3),
  ]);
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfig, { url, root: authority.root, client: admin });

  const etcd = startDaemon({
    name: "etcd",
    command: etcdCommand({ program: etcdProgram, folder, clientPort, peerPort }),
    logFile: join(folder, "etcd.log"),
  });
  const launch = () => {
    const fields = { program, etcdPort: clientPort, ip: "127.0.0.1", port };
    const more = [...loneFlags, ...(options.flags ?? [])];
    const certificates = { root: authority.root, serving, tokens };
    const command = apiServerCommand({ ...fields, ...certificates, more });
    return startDaemon({ name: "kube-apiserver", command, logFile: join(folder, "api.log") });
  };
  let server = launch();
  const ready = (): Promise<void> =>
    awaitReady({ url, root: authority.root, client: admin, daemons: [etcd, server] });
  const close = async (): Promise<void> => {
    await server.stop("SIGKILL");
    await etcd.stop("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  await ready().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  let others = 0;
  return {
    kubeconfig,
    url,
    rootFile: authority.root,
    folder,
    async kubeconfigAs(wish) {
      others += 1;
      const file = join(folder, `kubeconfig-${others}`);
      const client = await authority.issue(`client-${others}`, wish);
      writeKubeconfig(file, { url, root: authority.root, client });
      return file;
    },
    kubectl: (args, input) => runKubectl(kubectl, kubeconfig, args, input),
    stop: (signal) => server.stop(signal),
    async start() {
      if (server.ended() === undefined) throw new Error("the API server runs already");
      server = launch();
      await ready();
    },
    close,
  };
}

/** Without controllers nobody makes the service accounts that pods are checked for, and nobody may be told of loopback. */
const loneFlags = ["--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"];

async function runKubectl(
  kubectl: string,
  kubeconfig: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const options = { maxBuffer: 64 * 1024 * 1024 };
  const source = input === undefined ? [] : ["-f", "-"];
  const running = run(kubectl, ["--kubeconfig", kubeconfig, ...args, ...source], options);
  running.child.stdin?.end(input ?? "");
  return (await running).stdout;
}
