/**
 * Sends the kubelet's probes through the sidecar's relay: the kubelet has no identity in the mesh, so under strict
 * mTLS it could not reach the app. The relay asks the app on the pod's own side and answers 200 or 503.
 */
import type { Container, ContainerPort, Probe } from "../src/api/kubernetes.ts";
import { relayPort } from "./options.ts";

/** A probe as the relay needs it: one handler with a numeric port, and how long it may take. */
export type RelayedProbe = Pick<Probe, "httpGet" | "tcpSocket" | "grpc" | "timeoutSeconds">;

/** Path on the relay → what to ask there. */
export type ProbeMap = Readonly<Record<string, RelayedProbe>>;

export interface RewrittenProbes {
  readonly containers: readonly Container[];
  readonly probes: ProbeMap;
  readonly warnings: readonly string[];
}

const probeKinds = {
  readiness: "readinessProbe",
  liveness: "livenessProbe",
  startup: "startupProbe",
} as const;
const hookKinds = { "post-start": "postStart", "pre-stop": "preStop" } as const;

/** Rewrites every container; probes that already point at the relay keep their original from `known`. */
export function rewriteProbes(
  containers: readonly Container[],
  known: ProbeMap = {},
): RewrittenProbes {
  const probes: Record<string, RelayedProbe> = {};
  const warnings: string[] = [];
  const rewritten = containers.map((container) => {
    const result: Record<string, unknown> = { ...container };
    const rewrite = (kind: string, probe: Probe | undefined): Probe | undefined => {
      const path = `/probe/${container.name}/${kind}`;
      const verdict = relay(container, path, probe, known);
      if (verdict.kind === "warning") warnings.push(verdict.text);
      if (verdict.kind !== "relayed") return probe;
      probes[path] = verdict.original;
      return verdict.probe;
    };
    for (const [kind, field] of Object.entries(probeKinds)) {
      const probe = rewrite(kind, container[field]);
      if (probe !== undefined) result[field] = probe;
    }
    const lifecycle: Record<string, unknown> = { ...container.lifecycle };
    for (const [kind, field] of Object.entries(hookKinds)) {
      const hook = rewrite(kind, container.lifecycle?.[field]);
      if (hook !== undefined) lifecycle[field] = hook;
    }
    if (container.lifecycle) result["lifecycle"] = lifecycle;
    return result as unknown as Container;
  });
  return { containers: rewritten, probes, warnings };
}

type Verdict =
  | { readonly kind: "untouched" }
  | { readonly kind: "warning"; readonly text: string }
  | { readonly kind: "relayed"; readonly probe: Probe; readonly original: RelayedProbe };

/** A probe with a host of its own asks some other machine, which the relay must not be made to do. */
function relay(
  container: Container,
  path: string,
  probe: Probe | null | undefined,
  known: ProbeMap,
): Verdict {
  // Go writes an absent probe as null in some places.
  if (probe === undefined || probe === null) return { kind: "untouched" };
  if (probe.httpGet?.path === path && probe.httpGet.port === relayPort) {
    const original = Object.hasOwn(known, path) ? known[path] : undefined;
    if (original !== undefined) return { kind: "relayed", probe, original };
    return { kind: "warning", text: `the original of the probe ${path} is lost` };
  }
  const wanted = probe.httpGet ?? probe.tcpSocket ?? probe.grpc;
  if (!wanted || ("host" in wanted && wanted.host)) return { kind: "untouched" };
  const port = resolvePort(wanted.port, container.ports);
  if (port === undefined) {
    const text = `container "${container.name}" has no port named "${wanted.port}", which its probe ${path} asks for`;
    return { kind: "warning", text };
  }
  const { httpGet, tcpSocket, grpc, ...timing } = probe;
  const original: RelayedProbe = {
    ...(httpGet && { httpGet: { ...httpGet, port } }),
    ...(tcpSocket && { tcpSocket: { ...tcpSocket, port } }),
    ...(grpc && { grpc: { ...grpc, port } }),
    ...(timing.timeoutSeconds !== undefined && { timeoutSeconds: timing.timeoutSeconds }),
  };
  return { kind: "relayed", probe: { ...timing, httpGet: { path, port: relayPort } }, original };
}

/** As the kubelet does it: a number, the name of one of the container's own ports, or a number in quotes. */
export function resolvePort(
  port: number | string,
  ports: readonly ContainerPort[] | undefined,
): number | undefined {
  if (typeof port === "number") return port;
  const named = ports?.find((candidate) => candidate.name === port);
  if (named !== undefined) return named.containerPort;
  return /^[1-9]\d{0,4}$/.test(port) ? Number(port) : undefined;
}
