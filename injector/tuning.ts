/**
 * The `config.remora.dev/*` annotations of a pod and its namespace. A bad value refuses the pod: an annotation that
 * is quietly ignored leaves ports unprotected, or protected, against what its author believes.
 */
import { parseDuration } from "../src/core/duration.ts";
import type { NamespaceMeta } from "./eligibility.ts";
import type { InjectionOptions, Resources } from "./options.ts";
import { normalizePortList } from "./port-list.ts";
import { parseQuantity } from "./quantity.ts";

export const configPrefix = "config.remora.dev/";

/** What the annotations ask for; everything that they leave out comes from the options. */
export interface Tuning {
  readonly image: string;
  readonly skipInboundPorts: string;
  readonly skipOutboundPorts: string;
  readonly opaquePorts: string;
  readonly logLevel: string;
  readonly accessLog: string;
  readonly drainTime: string;
  readonly proxyResources: Resources;
}

export interface TuningResult {
  readonly tuning: Tuning;
  readonly problems: readonly string[];
  /** Annotations that nobody reads, most likely misspelt. */
  readonly warnings: readonly string[];
}

/** Each parser gives the normal form, or throws an Error that says what was expected. */
const parsers: Readonly<Record<string, (text: string) => string>> = {
  image: parseImage,
  "skip-inbound-ports": normalizePortList,
  "skip-outbound-ports": normalizePortList,
  "opaque-ports": normalizePortList,
  "log-level": oneOf("fatal", "error", "warn", "info", "debug", "trace"),
  "access-log": oneOf("on", "off"),
  "drain-time": parseDrainTime,
  "proxy-cpu-request": parseResource,
  "proxy-cpu-limit": parseResource,
  "proxy-memory-request": parseResource,
  "proxy-memory-limit": parseResource,
};

/** Every annotation that there is, without the prefix; docs/kubernetes.md has a row for each. */
export const configAnnotations: readonly string[] = Object.keys(parsers);

/** Reads both objects, the pod's annotation before the namespace's, and reports every bad value at once. */
export function readTuning(
  pod: NamespaceMeta,
  namespace: NamespaceMeta,
  options: InjectionOptions,
): TuningResult {
  const problems: string[] = [];
  const warnings: string[] = [];
  const values: Record<string, string> = {};
  const annotations = { ...ownConfig(namespace.annotations), ...ownConfig(pod.annotations) };
  for (const [key, text] of Object.entries(annotations)) {
    const parse = Object.hasOwn(parsers, key) ? parsers[key] : undefined;
    if (parse === undefined) {
      warnings.push(`the annotation ${configPrefix}${key} is not known and has no effect`);
      continue;
    }
    try {
      values[key] = parse(text);
    } catch (error) {
      problems.push(`the annotation ${configPrefix}${key} ${(error as Error).message}`);
    }
  }
  const tuning: Tuning = {
    image: values["image"] ?? options.image,
    skipInboundPorts: values["skip-inbound-ports"] ?? "",
    skipOutboundPorts: values["skip-outbound-ports"] ?? "",
    opaquePorts: values["opaque-ports"] ?? "",
    logLevel: values["log-level"] ?? options.logLevel,
    accessLog: values["access-log"] ?? options.accessLog,
    drainTime: values["drain-time"] ?? options.drainTime,
    proxyResources: tuneResources(values, options.proxyResources, problems),
  };
  return { tuning, problems, warnings };
}

function ownConfig(annotations: NamespaceMeta["annotations"] | null): Record<string, string> {
  const own = Object.entries(annotations ?? {}).filter(([key]) => key.startsWith(configPrefix));
  return Object.fromEntries(
    own.map(([key, value]) => [key.slice(configPrefix.length), value.trim()]),
  );
}

/** When only one of request and limit is set, the other's default gives way to it. */
function tuneResources(
  values: Readonly<Record<string, string>>,
  defaults: Resources,
  problems: string[],
): Resources {
  const requests: Record<string, string> = { ...defaults.requests };
  const limits: Record<string, string> = { ...defaults.limits };
  for (const kind of ["cpu", "memory"]) {
    const request = values[`proxy-${kind}-request`];
    const limit = values[`proxy-${kind}-limit`];
    if (request !== undefined) requests[kind] = request;
    if (limit !== undefined) limits[kind] = limit;
    if (!exceeds(requests[kind], limits[kind])) continue;
    if (request !== undefined && limit !== undefined) {
      problems.push(`the proxy's ${kind} request ${request} is above its limit ${limit}`);
    } else if (limit !== undefined) requests[kind] = limit;
    else if (request !== undefined) limits[kind] = request;
  }
  return { requests, limits };
}

function exceeds(request: string | undefined, limit: string | undefined): boolean {
  if (request === undefined || limit === undefined) return false;
  return (parseQuantity(request) ?? 0) > (parseQuantity(limit) ?? Number.POSITIVE_INFINITY);
}

function parseResource(text: string): string {
  if (parseQuantity(text) === undefined) {
    throw new Error(`is ${quote(text)}, and must be a quantity such as 100m or 64Mi`);
  }
  return text;
}

/** An hour is longer than any cluster waits for a pod. */
function parseDrainTime(text: string): string {
  const duration = parseDuration(text);
  if (duration === undefined || duration <= 0 || duration > 3_600_000) {
    throw new Error(`is ${quote(text)}, and must be a duration up to 1h such as 30s`);
  }
  return text;
}

function parseImage(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$/.test(text)) {
    throw new Error(`is ${quote(text)}, and must be the reference of an image`);
  }
  return text;
}

function oneOf(...choices: readonly string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text;
    throw new Error(`is ${quote(text)}, and must be one of ${choices.join(", ")}`);
  };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
