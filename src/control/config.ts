/** The settings of the control program, read from its environment. */
import { hostname } from "node:os";
import { parsePort, type SocketAddress } from "../core/address.ts";
import { readSettings, type SettingTable } from "../core/config-table.ts";
import type { Millis } from "../core/duration.ts";
import {
  parseListenAddress,
  parseLogLevel,
  parseName,
  parsePositiveDuration,
  parseTrustDomain,
} from "../core/setting-parsers.ts";

const controlSettings = {
  REMORA_CONTROL_MANIFESTS: {
    doc: "comma list of folders and files with the mesh's objects; watched. Empty: they come from the API server",
    fallback: "",
    parse: parsePaths,
  },
  REMORA_CONTROL_KUBECONFIG: {
    doc: "kubeconfig file of the API server; empty: the pod's own service account is used",
    fallback: "",
    parse: (text: string): string => text,
  },
  REMORA_CONTROL_REPLICA: {
    doc: "this replica's name among the others; empty: the host's name, which is the pod's",
    fallback: "",
    parse: (text: string): string => text,
  },
  REMORA_CONTROL_LISTEN: {
    doc: "address of the discovery service, IP:port; port 0 takes a free one",
    fallback: "[::]:15010",
    parse: parseListenAddress,
  },
  REMORA_CONTROL_METRICS_LISTEN: {
    doc: "address of /metrics, /ready and /live, IP:port",
    fallback: "[::]:15014",
    parse: parseListenAddress,
  },
  REMORA_CONTROL_CLUSTER_DOMAIN: {
    doc: "the domain of Service names",
    fallback: "cluster.local",
    parse: parseName,
  },
  REMORA_CONTROL_ROOT_NAMESPACE: {
    doc: "policies of this namespace hold in all namespaces",
    fallback: "remora-system",
    parse: parseName,
  },
  REMORA_CONTROL_NAMESPACE: {
    doc: "namespace of the service itself, for its own identity",
    fallback: "remora-system",
    parse: parseName,
  },
  REMORA_CONTROL_SERVICE_ACCOUNT: {
    doc: "service account of the service itself, for its own identity",
    fallback: "remora-control",
    parse: parseName,
  },
  REMORA_CONTROL_DRAIN_TIME: {
    doc: "how long streams may take to end after SIGTERM",
    fallback: "5s",
    parse: parsePositiveDuration,
  },
  REMORA_CONTROL_LOG_LEVEL: {
    doc: "fatal, error, warn, info, debug or trace",
    fallback: "info",
    parse: parseLogLevel,
  },
  REMORA_TRUST_DOMAIN: {
    doc: "trust domain of every identity",
    fallback: "cluster.local",
    parse: parseTrustDomain,
  },
  REMORA_IDENTITY_ADDRESS: {
    doc: "where certificates come from, as host:port",
    fallback: "remora-identity.remora-system.svc.cluster.local:15012",
    parse: parseHostAndPort,
  },
  REMORA_IDENTITY_ID: {
    doc: "namespace/service-account that the identity service must prove",
    fallback: "remora-system/remora-identity",
    parse: parseAccount,
  },
  REMORA_TOKEN_FILE: {
    doc: "the service's own token for audience remora",
    fallback: "/var/run/secrets/remora/token/token",
    parse: parseName,
  },
  REMORA_TRUST_BUNDLE_FILE: {
    doc: "trust anchors in PEM; watched",
    fallback: "/var/run/secrets/remora/bundle/ca.pem",
    parse: parseName,
  },
} satisfies SettingTable;

/** The same table for docs/configuration.md. */
export const controlSettingTable: SettingTable = controlSettings;

export interface ControlConfig {
  /** None: the objects come from the API server. */
  readonly manifests: readonly string[];
  readonly kubeconfig: string;
  readonly replica: string;
  readonly listen: SocketAddress;
  readonly metricsListen: SocketAddress;
  readonly clusterDomain: string;
  readonly rootNamespace: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly drainTime: Millis;
  readonly logLevel: string;
  readonly trustDomain: string;
  readonly identityAddress: string;
  readonly identityAccount: AccountName;
  readonly tokenFile: string;
  readonly trustBundleFile: string;
}

export interface AccountName {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Throws a ConfigError with every problem. */
export function readControlConfig(
  environment: Readonly<Record<string, string | undefined>>,
): ControlConfig {
  const settings = readSettings(controlSettings, environment);
  return {
    manifests: settings.REMORA_CONTROL_MANIFESTS,
    kubeconfig: settings.REMORA_CONTROL_KUBECONFIG,
    replica: settings.REMORA_CONTROL_REPLICA || hostname(),
    listen: settings.REMORA_CONTROL_LISTEN,
    metricsListen: settings.REMORA_CONTROL_METRICS_LISTEN,
    clusterDomain: settings.REMORA_CONTROL_CLUSTER_DOMAIN,
    rootNamespace: settings.REMORA_CONTROL_ROOT_NAMESPACE,
    namespace: settings.REMORA_CONTROL_NAMESPACE,
    serviceAccount: settings.REMORA_CONTROL_SERVICE_ACCOUNT,
    drainTime: settings.REMORA_CONTROL_DRAIN_TIME,
    logLevel: settings.REMORA_CONTROL_LOG_LEVEL,
    trustDomain: settings.REMORA_TRUST_DOMAIN,
    identityAddress: settings.REMORA_IDENTITY_ADDRESS,
    identityAccount: settings.REMORA_IDENTITY_ID,
    tokenFile: settings.REMORA_TOKEN_FILE,
    trustBundleFile: settings.REMORA_TRUST_BUNDLE_FILE,
  };
}

function parsePaths(text: string): readonly string[] {
  return text.split(",").filter((path) => path !== "");
}

function parseHostAndPort(text: string): string {
  const colon = text.lastIndexOf(":");
  if (colon < 1 || parsePort(text.slice(colon + 1)) === undefined) {
    throw new Error("expected host:port");
  }
  return text;
}

function parseAccount(text: string): AccountName {
  const [namespace = "", serviceAccount = "", ...rest] = text.split("/");
  if (namespace === "" || serviceAccount === "" || rest.length > 0) {
    throw new Error("expected NAMESPACE/SERVICE-ACCOUNT");
  }
  return { namespace, serviceAccount };
}
