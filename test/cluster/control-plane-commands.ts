/** How etcd and the API server are started, alone or in a whole cluster. */
import { join } from "node:path";
import type { CertificateFiles } from "./certificates.ts";

export interface EtcdFields {
  readonly program: string;
  readonly folder: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

export function etcdCommand({ program, folder, clientPort, peerPort }: EtcdFields): string[] {
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    program,
    "--name=only",
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=only=${peer}`,
    // The data need not outlive the machine, and other tests keep the disk busy.
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

export interface ApiServerFields {
  readonly program: string;
  readonly etcdPort: number;
  readonly ip: string;
  readonly port: number;
  /** The root whose client certificates name users. */
  readonly root: string;
  readonly serving: CertificateFiles;
  readonly tokens: { readonly key: string; readonly publicKey: string };
  readonly more: readonly string[];
}

export const tokenIssuer = "https://kubernetes.default.svc.cluster.local";

export function apiServerCommand(fields: ApiServerFields): string[] {
  return [
    fields.program,
    `--etcd-servers=http://127.0.0.1:${fields.etcdPort}`,
    `--bind-address=${fields.ip}`,
    `--secure-port=${fields.port}`,
    `--tls-cert-file=${fields.serving.cert}`,
    `--tls-private-key-file=${fields.serving.key}`,
    `--client-ca-file=${fields.root}`,
    `--service-account-issuer=${tokenIssuer}`,
    `--service-account-signing-key-file=${fields.tokens.key}`,
    `--service-account-key-file=${fields.tokens.publicKey}`,
    `--service-cluster-ip-range=${serviceRange}`,
    "--authorization-mode=Node,RBAC",
    "--allow-privileged=true",
    // One server: it shall end when it is asked to, not after those behind a balancer have noticed.
    "--shutdown-delay-duration=0s",
    ...fields.more,
  ];
}

export const serviceRange = "10.96.0.0/16";
