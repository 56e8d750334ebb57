/** The settings of the identity program, read from its environment. */
import { hostname } from "node:os";
import { isAbsolute } from "node:path";
import type { SocketAddress } from "../core/address.ts";
import { ConfigError, readSettings, type SettingTable } from "../core/config-table.ts";
import type { Millis } from "../core/duration.ts";
import {
  parseListenAddress,
  parseLogLevel,
  parseName,
  parsePositiveDuration,
  parseTrustDomain,
} from "../core/setting-parsers.ts";

const identitySettings = {
  REMORA_IDENTITY_LISTEN: {
    doc: "address of the certificate service, IP:port; port 0 takes a free one",
    fallback: "[::]:15012",
    parse: parseListenAddress,
  },
  REMORA_IDENTITY_METRICS_LISTEN: {
    doc: "address of /metrics, /ready and /live, IP:port",
    fallback: "[::]:15014",
    parse: parseListenAddress,
  },
  REMORA_IDENTITY_CA_DIR: {
    doc: "directory with ca-cert.pem, ca-key.pem, root-cert.pem and perhaps cert-chain.pem, made on first start when empty; unset: the Secret remora-issuer of the cluster",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_IDENTITY_JWKS_FILE: {
    doc: "file with the JWK Set that signs service-account tokens, read again when it changes; unset: the API server is asked for its keys",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_IDENTITY_TOKEN_ISSUER: {
    doc: "the `iss` that tokens must carry; unset: the API server is asked for its own",
    fallback: "",
    parse: (text: string) => text.trim(),
  },
  REMORA_IDENTITY_TOKEN_REVIEW: {
    doc: "prefer: the API server must confirm each token, and while it does not answer the signature decides; require: without its answer no certificate; off: the signature decides. Unset: prefer without a JWKS file, else off",
    fallback: "",
    parse: parseReviewMode,
  },
  REMORA_IDENTITY_ISSUER: {
    doc: "own: the Secret remora-issuer is made, renewed and replaced by identity; given: by cert-manager or by you",
    fallback: "own",
    parse: parseIssuerMode,
  },
  REMORA_IDENTITY_ROOT_LIFETIME: {
    doc: "lifetime of a root that identity makes",
    fallback: "87600h",
    parse: parsePositiveDuration,
  },
  REMORA_IDENTITY_ISSUER_LIFETIME: {
    doc: "lifetime of an issuer that identity makes; renewed after two thirds of it",
    fallback: "2160h",
    parse: parsePositiveDuration,
  },
  REMORA_IDENTITY_NEW_ROOT_DELAY: {
    doc: "how long a given issuer under a new root waits until it is used, so that pods learn of the root first; the kubelet takes up to two minutes",
    fallback: "3m",
    parse: parsePositiveDuration,
  },
  REMORA_IDENTITY_KUBECONFIG: {
    doc: "kubeconfig file; unset: the pod's own service account",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_IDENTITY_POD_NAME: {
    doc: "name in the Lease of the replica that leads, different in each; unset: the host's name, which is the pod's",
    fallback: "",
    parse: (text: string) => (text === "" ? hostname() : parseName(text)),
  },
  REMORA_IDENTITY_TOKEN_AUDIENCE: {
    doc: "the audience that tokens must be made for",
    fallback: "remora",
    parse: parseName,
  },
  REMORA_IDENTITY_BUNDLE_FILE: {
    doc: "file that the roots are written to at start, as PEM; empty writes none",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_TRUST_DOMAIN: {
    doc: "trust domain of every identity",
    fallback: "cluster.local",
    parse: parseTrustDomain,
  },
  REMORA_IDENTITY_LEAF_LIFETIME: {
    doc: "lifetime of a certificate when the request asks for none; 10s to 24h",
    fallback: "1h",
    parse: parseLifetime,
  },
  REMORA_IDENTITY_MAX_LIFETIME: {
    doc: "the longest lifetime that a request can get; ambient proxies ask for 24h",
    fallback: "24h",
    parse: parseLifetime,
  },
  REMORA_IDENTITY_NAMESPACE: {
    doc: "namespace of the service itself, for its own identity",
    fallback: "remora-system",
    parse: parseName,
  },
  REMORA_IDENTITY_SERVICE_ACCOUNT: {
    doc: "service account of the service itself, for its own identity",
    fallback: "remora-identity",
    parse: parseName,
  },
  REMORA_IDENTITY_DNS_NAMES: {
    doc: "comma list of the DNS names in the service's own certificate",
    fallback: "remora-identity.remora-system.svc.cluster.local,remora-identity.remora-system.svc",
    parse: parseDnsNames,
  },
  REMORA_IDENTITY_DRAIN_TIME: {
    doc: "how long running calls may take after SIGTERM",
    fallback: "5s",
    parse: parsePositiveDuration,
  },
  REMORA_IDENTITY_LOG_LEVEL: {
    doc: "fatal, error, warn, info, debug or trace",
    fallback: "info",
    parse: parseLogLevel,
  },
} satisfies SettingTable;

/** The same table for docs/configuration.md. */
export const identitySettingTable: SettingTable = identitySettings;

export interface IdentityConfig {
  readonly listen: SocketAddress;
  readonly metricsListen: SocketAddress;
  /** Undefined: the cluster's Secret. */
  readonly caDirectory: string | undefined;
  /** Undefined: the API server's own keys. */
  readonly keyFile: string | undefined;
  /** Empty: what the API server names. */
  readonly tokenIssuer: string;
  readonly reviewMode: ReviewMode;
  readonly issuerMode: IssuerMode;
  readonly rootLifetime: Millis;
  readonly issuerLifetime: Millis;
  readonly newRootDelay: Millis;
  readonly kubeconfig: string | undefined;
  readonly podName: string;
  readonly tokenAudience: string;
  readonly bundleFile: string | undefined;
  readonly trustDomain: string;
  readonly leafLifetime: Millis;
  readonly maxLifetime: Millis;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly dnsNames: readonly string[];
  readonly drainTime: Millis;
  readonly logLevel: string;
}

/** Throws a ConfigError with every problem. */
export function readIdentityConfig(
  environment: Readonly<Record<string, string | undefined>>,
): IdentityConfig {
  const settings = readSettings(identitySettings, environment);
  const keyFile = settings.REMORA_IDENTITY_JWKS_FILE;
  if (keyFile !== undefined && settings.REMORA_IDENTITY_TOKEN_ISSUER === "") {
    throw new ConfigError([
      "REMORA_IDENTITY_TOKEN_ISSUER is not set: a JWKS file does not say who signs by it",
    ]);
  }
  return {
    listen: settings.REMORA_IDENTITY_LISTEN,
    metricsListen: settings.REMORA_IDENTITY_METRICS_LISTEN,
    caDirectory: settings.REMORA_IDENTITY_CA_DIR,
    keyFile,
    tokenIssuer: settings.REMORA_IDENTITY_TOKEN_ISSUER,
    reviewMode: settings.REMORA_IDENTITY_TOKEN_REVIEW ?? (keyFile === undefined ? "prefer" : "off"),
    issuerMode: settings.REMORA_IDENTITY_ISSUER,
    rootLifetime: settings.REMORA_IDENTITY_ROOT_LIFETIME,
    issuerLifetime: settings.REMORA_IDENTITY_ISSUER_LIFETIME,
    newRootDelay: settings.REMORA_IDENTITY_NEW_ROOT_DELAY,
    kubeconfig: settings.REMORA_IDENTITY_KUBECONFIG,
    podName: settings.REMORA_IDENTITY_POD_NAME,
    tokenAudience: settings.REMORA_IDENTITY_TOKEN_AUDIENCE,
    bundleFile: settings.REMORA_IDENTITY_BUNDLE_FILE,
    trustDomain: settings.REMORA_TRUST_DOMAIN,
    leafLifetime: settings.REMORA_IDENTITY_LEAF_LIFETIME,
    maxLifetime: settings.REMORA_IDENTITY_MAX_LIFETIME,
    namespace: settings.REMORA_IDENTITY_NAMESPACE,
    serviceAccount: settings.REMORA_IDENTITY_SERVICE_ACCOUNT,
    dnsNames: settings.REMORA_IDENTITY_DNS_NAMES,
    drainTime: settings.REMORA_IDENTITY_DRAIN_TIME,
    logLevel: settings.REMORA_IDENTITY_LOG_LEVEL,
  };
}

function parseOptionalFile(text: string): string | undefined {
  if (text === "") return undefined;
  if (!isAbsolute(text)) throw new Error("expected an absolute path");
  return text;
}

export type ReviewMode = "prefer" | "require" | "off";
export type IssuerMode = "own" | "given";

function parseReviewMode(text: string): ReviewMode | undefined {
  if (text === "") return undefined;
  if (text === "prefer" || text === "require" || text === "off") return text;
  throw new Error("expected prefer, require or off");
}

function parseIssuerMode(text: string): IssuerMode {
  if (text === "own" || text === "given") return text;
  throw new Error("expected own or given");
}

/** Ten seconds lets tests rotate quickly; more than a day is no longer short-lived. */
function parseLifetime(text: string): Millis {
  const lifetime = parsePositiveDuration(text);
  if (lifetime < 10_000 || lifetime > 86_400_000) throw new Error("expected 10s to 24h");
  return lifetime;
}

function parseDnsNames(text: string): readonly string[] {
  const names = text.split(",").filter((name) => name !== "");
  const bad = names.find((name) => !/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name));
  if (bad !== undefined) throw new Error(`${JSON.stringify(bad)} is not a DNS name`);
  return names;
}
