/** The whole injection as one pure function: a pod goes in, the JSON Patch that puts it into the mesh comes out. */
import type { Container, EnvVar, Pod, PodSpec, Volume } from "../src/api/kubernetes.ts";
import { parseDuration } from "../src/core/duration.ts";
import {
  createInitContainer,
  createProxyContainer,
  createVolumes,
  evictableVolumes,
} from "./containers.ts";
import {
  checkEligibility,
  isOurs,
  type NamespaceMeta,
  type RefusalReason,
  type SkipReason,
} from "./eligibility.ts";
import { createJsonPatch, type JsonPatch } from "./json-patch.ts";
import {
  evictableVolumesAnnotation,
  type InjectionOptions,
  proxyContainerName,
  statusAnnotation,
} from "./options.ts";
import { describeInboundProtocols } from "./port-protocols.ts";
import { type ProbeMap, rewriteProbes } from "./probes.ts";
import { readTuning } from "./tuning.ts";

/** What Kubernetes gives a pod that says nothing about it. */
const defaultGraceSeconds = 30;

export type Injection =
  | { readonly kind: "patch"; readonly patch: JsonPatch; readonly warnings: readonly string[] }
  | { readonly kind: "skip"; readonly reason: SkipReason }
  | { readonly kind: "refuse"; readonly reason: RefusalReason; readonly message: string };

/**
 * Decides and patches. A pod that this version has patched before gives an empty patch, or one that repairs what
 * other webhooks did since: our containers come first again, and new probes go through the relay.
 */
export function injectPod(
  pod: Pod,
  namespace: NamespaceMeta,
  options: InjectionOptions,
): Injection {
  const eligibility = checkEligibility(pod, namespace, options.version);
  if (eligibility.kind === "skip") return eligibility;
  if (eligibility.kind === "refuse") return refuse(eligibility.reason, eligibility.problems);
  const { tuning, problems, warnings } = readTuning(pod.metadata, namespace, options);
  if (problems.length > 0) return refuse("bad_annotation", problems);
  const drainTime = fitDrainTime(tuning.drainTime, pod.spec.terminationGracePeriodSeconds);
  const made = {
    init: createInitContainer(tuning, options),
    proxy: createProxyContainer({ ...tuning, drainTime }, options, []),
  };
  const patched = patchSpec(pod.spec, made);
  const after = {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: annotate(pod.metadata.annotations ?? {}, options.version),
    },
    spec: patched.spec,
  };
  return {
    kind: "patch",
    patch: createJsonPatch(pod, after),
    warnings: [...warnings, ...patched.warnings],
  };
}

/** Without the second one the autoscaler never empties a node that holds a pod of the mesh. */
function annotate(
  annotations: Readonly<Record<string, string>>,
  version: string,
): Readonly<Record<string, string>> {
  const listed = (annotations[evictableVolumesAnnotation] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const missing = evictableVolumes.filter((name) => !listed.includes(name));
  const volumes = { [evictableVolumesAnnotation]: [...listed, ...missing].join(",") };
  return {
    ...annotations,
    ...(missing.length > 0 && volumes),
    [statusAnnotation]: version,
  };
}

function refuse(reason: RefusalReason, problems: readonly string[]): Injection {
  return { kind: "refuse", reason, message: problems.join("; ") };
}

interface Made {
  readonly init: Container;
  readonly proxy: Container;
}

/** Containers of ours that are there stay as they are: an image mirror may have changed their image since. */
function patchSpec(spec: PodSpec, made: Made): { spec: PodSpec; warnings: readonly string[] } {
  const before = spec.initContainers ?? [];
  const apps = spec.containers ?? [];
  const find = (name: string): Container | undefined => before.find((one) => one.name === name);
  const proxy = find(proxyContainerName) ?? made.proxy;
  const init = find(made.init.name) ?? made.init;
  const others = before.filter((container) => !isOurs(container));
  const known = readProbeMap(proxy);
  const rewrittenOthers = rewriteProbes(others, known);
  const rewrittenApps = rewriteProbes(apps, known);
  const probes = { ...rewrittenOthers.probes, ...rewrittenApps.probes };
  const env: EnvVar[] = [
    { name: "REMORA_INBOUND_PROTOCOLS", value: describeInboundProtocols([...others, ...apps]) },
    { name: "REMORA_PROBES", value: JSON.stringify(probes) },
  ];
  const volumes = spec.volumes ?? [];
  const missing = createVolumes().filter((volume) => !hasVolume(volumes, volume.name));
  return {
    spec: {
      ...spec,
      initContainers: [init, withEnv(proxy, env), ...rewrittenOthers.containers],
      containers: rewrittenApps.containers,
      volumes: [...volumes, ...missing],
    },
    warnings: [...rewrittenOthers.warnings, ...rewrittenApps.warnings],
  };
}

function hasVolume(volumes: readonly Volume[], name: string): boolean {
  return volumes.some((volume) => volume.name === name);
}

/** Replaces variables in their places, so that an unchanged container stays equal to itself. */
function withEnv(container: Container, changes: readonly EnvVar[]): Container {
  const env = [...(container.env ?? [])];
  for (const change of changes) {
    const index = env.findIndex((entry) => entry.name === change.name);
    if (index === -1) env.push(change);
    else env[index] = change;
  }
  return { ...container, env };
}

function readProbeMap(proxy: Container): ProbeMap {
  const text = proxy.env?.find((entry) => entry.name === "REMORA_PROBES")?.value;
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as ProbeMap) : {};
  } catch {
    return {};
  }
}

/** A drain that outlasts the pod's grace period would end in SIGKILL with connections open. */
function fitDrainTime(drainTime: string, graceSeconds: number | null | undefined): string {
  // Less is one second for the kubelet, or none at all; the sidecar knows no drain of nothing.
  const grace = Math.max(graceSeconds ?? defaultGraceSeconds, 1);
  const wanted = parseDuration(drainTime) ?? 0;
  return wanted > grace * 1_000 ? `${grace}s` : drainTime;
}
