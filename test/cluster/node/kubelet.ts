/** The kubelet and kube-proxy of the one node. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { CertificateFiles } from "../certificates.ts";
import { kubeProxyMode } from "../programs.ts";
import { containerdSocket, podRange } from "./containerd.ts";

export const nodeName = "node";
export const dnsIp = "10.96.0.10";

export interface KubeletFields {
  readonly program: string;
  readonly folder: string;
  readonly kubeconfig: string;
  readonly nodeIp: string;
  readonly cgroup: string;
  readonly root: string;
  readonly serving: CertificateFiles;
}

export function kubeletCommand(fields: KubeletFields): string[] {
  const { folder } = fields;
  const file = join(folder, "kubelet.yaml");
  const resolvConf = join(folder, "resolv.conf");
  writeFileSync(resolvConf, `nameserver ${dnsIp}\n`);
  writeFileSync(file, stringify({ ...configuration(fields), resolvConf }));
  return [
    fields.program,
    `--config=${file}`,
    `--kubeconfig=${fields.kubeconfig}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${fields.nodeIp}`,
    `--root-dir=${join(folder, "kubelet")}`,
  ];
}

function configuration({ folder, cgroup, root, serving }: KubeletFields): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: root },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: serving.cert,
    tlsPrivateKeyFile: serving.key,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    clusterDNS: [dnsIp],
    clusterDomain: "cluster.local",
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    maxPods: 250,
    volumePluginDir: join(folder, "volume-plugins"),
    // How full the machine's disk is, is no business of the cluster; its images come back by no pull.
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "0%",
      "imagefs.available": "0%",
      "nodefs.inodesFree": "0%",
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  };
}

export function kubeProxyCommand(program: string, kubeconfig: string): string[] {
  return [
    program,
    `--kubeconfig=${kubeconfig}`,
    `--proxy-mode=${kubeProxyMode()}`,
    `--hostname-override=${nodeName}`,
    `--cluster-cidr=${podRange}`,
    // Limits of the whole machine, which a network namespace may not set.
    "--conntrack-max-per-core=0",
    "--conntrack-min=0",
    "--conntrack-tcp-timeout-established=0s",
    "--conntrack-tcp-timeout-close-wait=0s",
  ];
}
