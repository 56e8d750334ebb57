/** The two containers and three volumes that the patch adds, as plain values. */
import type { Container, EnvVar, SecurityContext, Volume } from "../src/api/kubernetes.ts";
import { sidecarEnvironment } from "../src/core/node-runtime.ts";
import {
  type InjectionOptions,
  initContainerName,
  proxyContainerName,
  proxyUid,
  relayPort,
} from "./options.ts";
import { parseQuantity } from "./quantity.ts";
import type { Tuning } from "./tuning.ts";

const tokenFolder = "/var/run/secrets/remora/token";
const bundleFolder = "/var/run/secrets/remora/bundle";
const privateFolder = "/var/run/remora";

/** The kubelet renews the token when 80 % of this has passed; an hour is what it gives at least anyway. */
const tokenSeconds = 3_600;

/** The volumes of ours that are local to a node: a pod loses nothing when it leaves them behind. */
export const evictableVolumes: readonly string[] = ["remora-private"];

/** Runs before everything else in the pod, and ends. */
export function createInitContainer(tuning: Tuning, options: InjectionOptions): Container {
  return {
    name: initContainerName,
    image: tuning.image,
    ...pullPolicy(options),
    command: options.initCommand,
    env: [
      { name: "REMORA_SKIP_INBOUND_PORTS", value: tuning.skipInboundPorts },
      { name: "REMORA_SKIP_OUTBOUND_PORTS", value: tuning.skipOutboundPorts },
      { name: "REMORA_PROXY_UID", value: String(proxyUid) },
      ...(options.initEnv ?? []),
    ],
    resources: options.initResources,
    securityContext: {
      // Kubernetes gives added capabilities to uid 0 only, and the rules need NET_ADMIN.
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      ...confined,
      capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
    },
  };
}

/** A native sidecar: it is ready before the next init container starts, and ends after the apps. */
export function createProxyContainer(
  tuning: Tuning,
  options: InjectionOptions,
  env: readonly EnvVar[],
): Container {
  return {
    name: proxyContainerName,
    image: tuning.image,
    ...pullPolicy(options),
    restartPolicy: "Always",
    command: options.proxyCommand(parseQuantity(tuning.proxyResources.limits?.["memory"] ?? "")),
    env: [...identityEnv(), ...settingsEnv(tuning, options), ...env, ...(options.proxyEnv ?? [])],
    ports: [
      { name: "remora-mesh", containerPort: 15_008, protocol: "TCP" },
      { name: "remora-metrics", containerPort: relayPort, protocol: "TCP" },
    ],
    // Ready within 200 ms as a rule; two minutes leave room for an identity service that starts at the same time.
    startupProbe: { ...ask("/ready"), periodSeconds: 1, failureThreshold: 120 },
    readinessProbe: { ...ask("/ready"), periodSeconds: 2, failureThreshold: 3 },
    // One that has no CPU left, or all the work that it bears, is slow to answer; a restart would cut everybody's connections.
    livenessProbe: { ...ask("/live"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    resources: tuning.proxyResources,
    securityContext: {
      runAsUser: proxyUid,
      runAsGroup: proxyUid,
      runAsNonRoot: true,
      ...confined,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "remora-token", mountPath: tokenFolder, readOnly: true },
      { name: "remora-trust-bundle", mountPath: bundleFolder, readOnly: true },
      { name: "remora-private", mountPath: privateFolder },
    ],
  };
}

/** Only the sidecar mounts these; the app sees neither token nor admin socket. */
export function createVolumes(): readonly Volume[] {
  return [
    {
      name: "remora-token",
      projected: {
        sources: [
          {
            serviceAccountToken: {
              audience: "remora",
              expirationSeconds: tokenSeconds,
              path: "token",
            },
          },
        ],
      },
    },
    {
      name: "remora-trust-bundle",
      configMap: { name: "remora-trust-bundle", items: [{ key: "ca.pem", path: "ca.pem" }] },
    },
    // Memory, so that what the sidecar keeps never reaches a disk; a socket needs almost nothing.
    { name: "remora-private", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
  ];
}

/** What Pod Security "restricted" asks of every container. */
const confined: SecurityContext = {
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: "RuntimeDefault" },
};

function pullPolicy(options: InjectionOptions): { imagePullPolicy?: string } {
  return options.imagePullPolicy === undefined ? {} : { imagePullPolicy: options.imagePullPolicy };
}

function ask(path: string): Pick<Container["readinessProbe"] & object, "httpGet"> {
  return { httpGet: { path, port: relayPort } };
}

function identityEnv(): EnvVar[] {
  const field = (name: string, fieldPath: string): EnvVar => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return [
    field("REMORA_POD_NAME", "metadata.name"),
    field("REMORA_POD_NAMESPACE", "metadata.namespace"),
    field("REMORA_POD_UID", "metadata.uid"),
    field("REMORA_POD_IP", "status.podIP"),
    field("REMORA_SERVICE_ACCOUNT", "spec.serviceAccountName"),
    field("REMORA_NODE_NAME", "spec.nodeName"),
  ];
}

function settingsEnv(tuning: Tuning, options: InjectionOptions): EnvVar[] {
  return [
    { name: "REMORA_TRUST_DOMAIN", value: options.trustDomain },
    { name: "REMORA_IDENTITY_ADDRESS", value: options.identityAddress },
    { name: "REMORA_CONTROL_ADDRESS", value: options.controlAddress },
    { name: "REMORA_TOKEN_FILE", value: `${tokenFolder}/token` },
    { name: "REMORA_TRUST_BUNDLE_FILE", value: `${bundleFolder}/ca.pem` },
    { name: "REMORA_ADMIN_SOCKET", value: `${privateFolder}/admin.sock` },
    { name: "REMORA_LOG_LEVEL", value: tuning.logLevel },
    { name: "REMORA_ACCESS_LOG", value: tuning.accessLog },
    { name: "REMORA_DRAIN_TIME", value: tuning.drainTime },
    { name: "REMORA_OPAQUE_PORTS", value: tuning.opaquePorts },
    ...Object.entries(sidecarEnvironment).map(([name, value]) => ({ name, value })),
  ];
}
