/** The settings of the identity program, read from its environment. */
import { isAbsolute } from "node:path";
import type { SocketAddress } from "../core/address.ts";
import { readSettings, type SettingTable } from "../core/config-table.ts";
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
    doc: "directory with ca-cert.pem, ca-key.pem, root-cert.pem and perhaps cert-chain.pem; made on first start when empty",
    fallback: undefined,
    parse: parseFile,
  },
  REMORA_IDENTITY_JWKS_FILE: {
    doc: "file with the JWK Set that signs service-account tokens; read again when it changes",
    fallback: undefined,
    parse: parseFile,
  },
  REMORA_IDENTITY_TOKEN_ISSUER: {
    doc: "the `iss` that tokens must carry",
    fallback: undefined,
    parse: parseName,
  },
  REMORA_IDENTITY_TOKEN_AUDIENCE: {
    doc: "the audience that tokens must be made for",
    fallback: "remora",
    parse: parseName,
  },
  REMORA_IDENTITY_BUNDLE_FILE: {
    doc: "file that the roots are written to at start, as PEM; empty writes none",
    fallback: "",
    parse: (text: string) => (text === "" ? undefined : parseFile(text)),
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
  readonly caDirectory: string;
  readonly jwksFile: string;
  readonly tokenIssuer: string;
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
  return {
    listen: settings.REMORA_IDENTITY_LISTEN,
    metricsListen: settings.REMORA_IDENTITY_METRICS_LISTEN,
    caDirectory: settings.REMORA_IDENTITY_CA_DIR,
    jwksFile: settings.REMORA_IDENTITY_JWKS_FILE,
    tokenIssuer: settings.REMORA_IDENTITY_TOKEN_ISSUER,
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

function parseFile(text: string): string {
  if (!isAbsolute(text)) throw new Error("expected an absolute path");
  return text;
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
