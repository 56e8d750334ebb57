/** The sidecar's settings; docs/configuration.md is made from this table. */
import { parsePort } from "../core/address.ts";
import { readSettings, type Setting } from "../core/config-table.ts";
import type { Millis } from "../core/duration.ts";
import { parseLogLevel, parsePositiveDuration, parseTrustDomain } from "../core/setting-parsers.ts";
import type { AppProtocol } from "./discovery/destination.ts";
import { type ProbeTable, parseProbes } from "./status/probe-table.ts";

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export type PortRange = readonly [first: number, last: number];

export interface ProxyConfig {
  readonly REMORA_POD_NAME: string;
  readonly REMORA_POD_NAMESPACE: string;
  readonly REMORA_POD_UID: string;
  readonly REMORA_POD_IP: string;
  readonly REMORA_SERVICE_ACCOUNT: string;
  readonly REMORA_NODE_NAME: string;
  readonly REMORA_TRUST_DOMAIN: string;
  readonly REMORA_IDENTITY_ADDRESS: HostAndPort;
  readonly REMORA_CONTROL_ADDRESS: HostAndPort;
  readonly REMORA_TOKEN_FILE: string;
  readonly REMORA_TRUST_BUNDLE_FILE: string;
  readonly REMORA_ADMIN_SOCKET: string;
  readonly REMORA_LOG_LEVEL: string;
  readonly REMORA_ACCESS_LOG: boolean;
  readonly REMORA_DRAIN_TIME: Millis;
  readonly REMORA_OPAQUE_PORTS: readonly PortRange[];
  readonly REMORA_INBOUND_PROTOCOLS: ReadonlyMap<number, AppProtocol>;
  readonly REMORA_PROBES: ProbeTable;
}

export const proxySettings: {
  readonly [Name in keyof ProxyConfig]: Setting<ProxyConfig[Name]>;
} = {
  REMORA_POD_NAME: text("Name of the pod"),
  REMORA_POD_NAMESPACE: text("Namespace of the pod"),
  REMORA_POD_UID: text("UID of the pod; part of its resource name in discovery", ""),
  REMORA_POD_IP: text("Address of the pod, which peers and the kubelet reach"),
  REMORA_SERVICE_ACCOUNT: text(
    "Service account of the pod; the last part of its identity",
    "default",
  ),
  REMORA_NODE_NAME: text("Node that the pod runs on; for logs", ""),
  REMORA_TRUST_DOMAIN: setting("Trust domain of the mesh", "cluster.local", parseTrustDomain),
  REMORA_IDENTITY_ADDRESS: setting(
    "Where certificates come from, as host:port",
    "remora-identity.remora-system.svc.cluster.local:15012",
    hostAndPort,
  ),
  REMORA_CONTROL_ADDRESS: setting(
    "Where discovery and policy come from, as host:port",
    "remora-control.remora-system.svc.cluster.local:15010",
    hostAndPort,
  ),
  REMORA_TOKEN_FILE: text(
    "The pod's service account token for audience remora",
    "/var/run/secrets/remora/token/token",
  ),
  REMORA_TRUST_BUNDLE_FILE: text(
    "Trust anchors in PEM; watched, so a rotation needs no restart",
    "/var/run/secrets/remora/bundle/ca.pem",
  ),
  REMORA_ADMIN_SOCKET: text(
    "Unix socket of the admin interface; empty switches it off",
    "/var/run/remora/admin.sock",
  ),
  REMORA_LOG_LEVEL: setting("fatal, error, warn, info, debug or trace", "info", parseLogLevel),
  REMORA_ACCESS_LOG: setting("One line for each request or connection: on or off", "off", onOff),
  REMORA_DRAIN_TIME: setting(
    "How long running exchanges may take to end after SIGTERM; less than the pod's grace period",
    "25s",
    parsePositiveDuration,
  ),
  REMORA_OPAQUE_PORTS: setting(
    "Destination ports whose bytes are never parsed, such as 3306,9000-9100",
    "",
    portRanges,
  ),
  REMORA_INBOUND_PROTOCOLS: setting(
    "What the pod's own ports speak, such as 8080=http1,9090=grpc; other ports are detected",
    "",
    portProtocols,
  ),
  REMORA_PROBES: setting(
    "The probes that the injector rewrote, as JSON from path to probe",
    "{}",
    parseProbes,
  ),
};

/** Throws a ConfigError with every problem of the environment. */
export function readProxyConfig(environment: NodeJS.ProcessEnv): ProxyConfig {
  return readSettings(proxySettings, environment);
}

function setting<T>(
  doc: string,
  fallback: string | undefined,
  parse: (text: string) => T,
): Setting<T> {
  return { doc, fallback, parse };
}

function text(doc: string, fallback?: string): Setting<string> {
  return setting(doc, fallback, (value) => value);
}

function hostAndPort(value: string): HostAndPort {
  const colon = value.lastIndexOf(":");
  const port = parsePort(value.slice(colon + 1));
  if (colon < 1 || port === undefined) throw new Error("expected host:port");
  return { host: value.slice(0, colon).replace(/^\[|\]$/g, ""), port };
}

function onOff(value: string): boolean {
  if (value !== "on" && value !== "off") throw new Error("expected on or off");
  return value === "on";
}

function portRanges(value: string): readonly PortRange[] {
  return list(value).map((item) => {
    const [first = "", last = first] = item.split("-");
    const range = [parsePort(first), parsePort(last)] as const;
    if (range[0] === undefined || range[1] === undefined || range[0] > range[1]) {
      throw new Error(`expected ports and ranges of ports, not ${JSON.stringify(item)}`);
    }
    return [range[0], range[1]];
  });
}

const appProtocols: readonly string[] = ["http1", "http2", "grpc", "tcp", "tls"];

function portProtocols(value: string): ReadonlyMap<number, AppProtocol> {
  return new Map(
    list(value).map((item) => {
      const [portText = "", protocol = ""] = item.split("=");
      const port = parsePort(portText);
      if (port === undefined || !appProtocols.includes(protocol)) {
        throw new Error(`expected PORT=PROTOCOL with one of ${appProtocols.join(", ")}`);
      }
      return [port, protocol as AppProtocol];
    }),
  );
}

function list(value: string): string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
