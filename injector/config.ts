/** The settings of the injector program, read from its environment. */
import { hostname } from "node:os";
import { isAbsolute, posix } from "node:path";
import { parsePort, type SocketAddress } from "../src/core/address.ts";
import {
  ConfigError,
  readSettings,
  type Settings,
  type SettingTable,
} from "../src/core/config-table.ts";
import { type Millis, parseDuration } from "../src/core/duration.ts";
import { initNodeFlags, permissionFlags, sidecarNodeFlags } from "../src/core/node-runtime.ts";
import {
  parseListenAddress,
  parseLogLevel,
  parsePositiveDuration,
  parseTrustDomain,
} from "../src/core/setting-parsers.ts";
import { defaultInjection, type InjectionOptions } from "./options.ts";
import { parseQuantity } from "./quantity.ts";

const { proxyResources } = defaultInjection;

/** What the patch must be told; the same for the webhook and for `remora inject`. */
const injectionSettings = {
  REMORA_INJECTOR_VERSION: {
    doc: "version that injected pods are marked with",
    fallback: undefined,
    parse: parseText,
  },
  REMORA_INJECTOR_IMAGE: {
    doc: "image of the sidecar and of the init container",
    fallback: undefined,
    parse: parseText,
  },
  REMORA_INJECTOR_IMAGE_PULL_POLICY: {
    doc: "Always, IfNotPresent or Never; empty leaves it to Kubernetes",
    fallback: "",
    parse: (text: string) => (text === "" ? undefined : parsePullPolicy(text)),
  },
  REMORA_INJECTOR_NODE: {
    doc: "the Node.js program inside the image",
    fallback: "node",
    parse: parseText,
  },
  REMORA_INJECTOR_PROGRAM_DIR: {
    doc: "the folder inside the image that holds proxy.js and init.js",
    fallback: "/opt/remora",
    parse: parseFile,
  },
  REMORA_TRUST_DOMAIN: {
    doc: "trust domain of every identity",
    fallback: defaultInjection.trustDomain,
    parse: parseTrustDomain,
  },
  REMORA_IDENTITY_ADDRESS: {
    doc: "where sidecars get certificates, as host:port",
    fallback: defaultInjection.identityAddress,
    parse: parseHostAndPort,
  },
  REMORA_CONTROL_ADDRESS: {
    doc: "where sidecars get discovery and policy, as host:port",
    fallback: defaultInjection.controlAddress,
    parse: parseHostAndPort,
  },
  REMORA_INJECTOR_PROXY_LOG_LEVEL: {
    doc: "log level of sidecars without an annotation for it",
    fallback: defaultInjection.logLevel,
    parse: parseLogLevel,
  },
  REMORA_INJECTOR_PROXY_ACCESS_LOG: {
    doc: "access log of sidecars without an annotation for it, on or off",
    fallback: defaultInjection.accessLog,
    parse: parseSwitch,
  },
  REMORA_INJECTOR_PROXY_DRAIN_TIME: {
    doc: "drain time of sidecars without an annotation for it, up to 1h",
    fallback: defaultInjection.drainTime,
    parse: parseDrainTime,
  },
  REMORA_INJECTOR_PROXY_CPU_REQUEST: {
    doc: "CPU that a sidecar requests; empty requests none",
    fallback: proxyResources.requests?.["cpu"] ?? "",
    parse: parseAmount,
  },
  REMORA_INJECTOR_PROXY_CPU_LIMIT: {
    doc: "CPU limit of a sidecar; empty sets none",
    fallback: proxyResources.limits?.["cpu"] ?? "",
    parse: parseAmount,
  },
  REMORA_INJECTOR_PROXY_MEMORY_REQUEST: {
    doc: "memory that a sidecar requests; empty requests none",
    fallback: proxyResources.requests?.["memory"] ?? "",
    parse: parseAmount,
  },
  REMORA_INJECTOR_PROXY_MEMORY_LIMIT: {
    doc: "memory limit of a sidecar; empty sets none",
    fallback: proxyResources.limits?.["memory"] ?? "",
    parse: parseAmount,
  },
} satisfies SettingTable;

const injectorSettings = {
  ...injectionSettings,
  REMORA_INJECTOR_LISTEN: {
    doc: "address of the webhook, IP:port; port 0 takes a free one",
    fallback: "[::]:15017",
    parse: parseListenAddress,
  },
  REMORA_INJECTOR_METRICS_LISTEN: {
    doc: "address of /metrics, /ready and /live, IP:port",
    fallback: "[::]:15014",
    parse: parseListenAddress,
  },
  REMORA_INJECTOR_CERT_FILE: {
    doc: "the webhook's certificate chain in PEM, where somebody else makes it; watched. Empty: the injectors make their own",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_INJECTOR_KEY_FILE: {
    doc: "the private key of that certificate in PEM; watched",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_INJECTOR_KUBERNETES: {
    doc: "on: the API server is asked for namespaces and pods and told of Events; off: the injector knows nothing but reviews, and its certificate comes from files",
    fallback: "on",
    parse: parseSwitch,
  },
  REMORA_INJECTOR_KUBECONFIG: {
    doc: "kubeconfig of an injector that does not run in a pod; empty uses the pod's service account",
    fallback: "",
    parse: parseOptionalFile,
  },
  REMORA_INJECTOR_CERTIFICATE_LIFETIME: {
    doc: "lifetime of the certificates that the injectors make, 10s to 8760h; they are renewed when a third is left",
    fallback: "720h",
    parse: parseLifetime,
  },
  REMORA_INJECTOR_DNS_NAMES: {
    doc: "names in those certificates, separated by commas; empty is that of the Service, remora-injector.NAMESPACE.svc",
    fallback: "",
    parse: parseNames,
  },
  REMORA_POD_NAME: {
    doc: "name of this replica in the Lease; empty is the host's name",
    fallback: "",
    parse: (text: string) => (text === "" ? hostname() : text),
  },
  REMORA_INJECTOR_NAMESPACE: {
    doc: "namespace of the control plane, whose pods are never changed; nor are those of kube-system",
    fallback: "remora-system",
    parse: parseText,
  },
  REMORA_INJECTOR_DRAIN_DELAY: {
    doc: "how long reviews are still accepted after SIGTERM, until the cluster has taken the address away",
    fallback: "3s",
    parse: parseTime,
  },
  REMORA_INJECTOR_LOG_LEVEL: {
    doc: "fatal, error, warn, info, debug or trace",
    fallback: "info",
    parse: parseLogLevel,
  },
} satisfies SettingTable;

/** The same table for docs/configuration.md. */
export const injectorSettingTable: SettingTable = injectorSettings;

export interface InjectorConfig {
  readonly listen: SocketAddress;
  readonly metricsListen: SocketAddress;
  readonly certificate:
    | { readonly kind: "files"; readonly certFile: string; readonly keyFile: string }
    | {
        readonly kind: "own";
        readonly lifetime: Millis;
        readonly dnsNames: readonly string[];
      };
  readonly kubernetes: KubernetesConfig | undefined;
  /** The control plane's own namespace. */
  readonly namespace: string;
  readonly injection: InjectionOptions;
  readonly drainDelay: Millis;
  readonly logLevel: string;
}

export interface KubernetesConfig {
  readonly kubeconfig: string | undefined;
  /** This replica's name in the Lease. */
  readonly replica: string;
}

/** Throws a ConfigError with every problem. */
export function readInjectorConfig(
  environment: Readonly<Record<string, string | undefined>>,
): InjectorConfig {
  const settings = readSettings(injectorSettings, environment);
  return {
    listen: settings.REMORA_INJECTOR_LISTEN,
    metricsListen: settings.REMORA_INJECTOR_METRICS_LISTEN,
    certificate: readCertificate(settings),
    kubernetes:
      settings.REMORA_INJECTOR_KUBERNETES === "off"
        ? undefined
        : {
            kubeconfig: settings.REMORA_INJECTOR_KUBECONFIG,
            replica: settings.REMORA_POD_NAME,
          },
    namespace: settings.REMORA_INJECTOR_NAMESPACE,
    injection: injectionOf(settings),
    drainDelay: settings.REMORA_INJECTOR_DRAIN_DELAY,
    logLevel: settings.REMORA_INJECTOR_LOG_LEVEL,
  };
}

/** Throws a ConfigError with every problem. */
export function readInjectionOptions(
  environment: Readonly<Record<string, string | undefined>>,
): InjectionOptions {
  return injectionOf(readSettings(injectionSettings, environment));
}

function injectionOf(settings: Settings<typeof injectionSettings>): InjectionOptions {
  const pullPolicy = settings.REMORA_INJECTOR_IMAGE_PULL_POLICY;
  const node = settings.REMORA_INJECTOR_NODE;
  const folder = settings.REMORA_INJECTOR_PROGRAM_DIR;
  const program = (name: string): string => posix.join(folder, `${name}.js`);
  return {
    ...defaultInjection,
    version: settings.REMORA_INJECTOR_VERSION,
    image: settings.REMORA_INJECTOR_IMAGE,
    ...(pullPolicy === undefined ? {} : { imagePullPolicy: pullPolicy }),
    proxyCommand: (limit) => [node, ...sidecarNodeFlags(limit), program("proxy")],
    initCommand: [node, ...initNodeFlags, ...permissionFlags("init", folder), program("init")],
    trustDomain: settings.REMORA_TRUST_DOMAIN,
    identityAddress: settings.REMORA_IDENTITY_ADDRESS,
    controlAddress: settings.REMORA_CONTROL_ADDRESS,
    logLevel: settings.REMORA_INJECTOR_PROXY_LOG_LEVEL,
    accessLog: settings.REMORA_INJECTOR_PROXY_ACCESS_LOG,
    drainTime: settings.REMORA_INJECTOR_PROXY_DRAIN_TIME,
    proxyResources: {
      requests: {
        ...settings.REMORA_INJECTOR_PROXY_CPU_REQUEST("cpu"),
        ...settings.REMORA_INJECTOR_PROXY_MEMORY_REQUEST("memory"),
      },
      limits: {
        ...settings.REMORA_INJECTOR_PROXY_CPU_LIMIT("cpu"),
        ...settings.REMORA_INJECTOR_PROXY_MEMORY_LIMIT("memory"),
      },
    },
  };
}

function readCertificate(
  settings: Settings<typeof injectorSettings>,
): InjectorConfig["certificate"] {
  const { REMORA_INJECTOR_CERT_FILE: certFile, REMORA_INJECTOR_KEY_FILE: keyFile } = settings;
  if (certFile !== undefined && keyFile !== undefined) return { kind: "files", certFile, keyFile };
  if (certFile !== undefined || keyFile !== undefined) {
    throw new ConfigError([
      "REMORA_INJECTOR_CERT_FILE and REMORA_INJECTOR_KEY_FILE must be set both or neither",
    ]);
  }
  if (settings.REMORA_INJECTOR_KUBERNETES === "off") {
    throw new ConfigError([
      "REMORA_INJECTOR_CERT_FILE is not set, and with REMORA_INJECTOR_KUBERNETES=off nothing else gives a certificate",
    ]);
  }
  const names = settings.REMORA_INJECTOR_DNS_NAMES;
  const service = `remora-injector.${settings.REMORA_INJECTOR_NAMESPACE}.svc`;
  return {
    kind: "own",
    lifetime: settings.REMORA_INJECTOR_CERTIFICATE_LIFETIME,
    dnsNames: names.length === 0 ? [service] : names,
  };
}

function parseHostAndPort(text: string): string {
  const colon = text.lastIndexOf(":");
  if (colon < 1 || parsePort(text.slice(colon + 1)) === undefined) {
    throw new Error("expected host:port");
  }
  return text;
}

function parseFile(text: string): string {
  if (!isAbsolute(text)) throw new Error("expected an absolute path");
  return text;
}

function parseOptionalFile(text: string): string | undefined {
  return text === "" ? undefined : parseFile(text);
}

/** Below 10 s the seconds of X.509 are too coarse; above a year browsers and auditors frown. */
function parseLifetime(text: string): Millis {
  const lifetime = parsePositiveDuration(text);
  if (lifetime < 10_000 || lifetime > 8_760 * 3_600_000) throw new Error("expected 10s to 8760h");
  return lifetime;
}

function parseNames(text: string): readonly string[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const isName = (name: string): boolean => /^(?:[a-z0-9-]{1,63}\.?){1,10}$/.test(name);
  if (!names.every(isName)) throw new Error("expected DNS names in lower case");
  return names;
}

function parseText(text: string): string {
  if (text.trim() === "") throw new Error("expected a text that is not empty");
  return text;
}

function parsePullPolicy(text: string): string {
  if (!["Always", "IfNotPresent", "Never"].includes(text)) {
    throw new Error("expected Always, IfNotPresent or Never");
  }
  return text;
}

function parseSwitch(text: string): "on" | "off" {
  if (text !== "on" && text !== "off") throw new Error("expected on or off");
  return text;
}

function parseTime(text: string): Millis {
  const duration = parseDuration(text);
  if (duration === undefined) throw new Error("expected a duration, such as 3s");
  return duration;
}

/** The same bound that the annotation has. */
function parseDrainTime(text: string): string {
  if (parsePositiveDuration(text) > 3_600_000) throw new Error("expected at most 1h");
  return text;
}

/** One entry of a resource list, or none. */
function parseAmount(text: string): (resource: string) => Readonly<Record<string, string>> {
  if (text !== "" && parseQuantity(text) === undefined) {
    throw new Error("expected a quantity, such as 100m or 64Mi");
  }
  return (resource) => (text === "" ? {} : { [resource]: text });
}
