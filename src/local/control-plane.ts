/** The control plane as pods of the local mesh: identity and control in `remora-system`, found by the names of a cluster. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type {
  Container,
  Deployment,
  EnvVar,
  KnownObject,
  Service,
  Volume,
} from "../api/kubernetes.ts";
import type { Programs } from "./programs.ts";

export const systemNamespace = "remora-system";

export interface ControlPlaneFolders {
  /** The authority's key; private to identity. */
  readonly authority: string;
  /** Where identity writes the roots, for everybody. */
  readonly bundle: string;
  /** The key that signs service-account tokens; private to the runner. */
  readonly tokens: string;
  /** The objects in force, as control reads them. */
  readonly objects: string;
}

/** Makes the folders in the mesh's private directory. */
export function createControlPlaneFolders(directory: string): ControlPlaneFolders {
  const folder = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  return {
    authority: folder("authority"),
    bundle: folder("bundle"),
    tokens: folder("tokens"),
    objects: folder("objects"),
  };
}

export interface ControlPlaneConfig {
  readonly programs: Programs;
  readonly folders: ControlPlaneFolders;
  readonly jwksFile: string;
  readonly tokenIssuer: string;
  readonly trustDomain: string;
  /** Where people set what they want otherwise, such as `REMORA_IDENTITY_LEAF_LIFETIME`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Deployments, Services and namespace of the control plane. */
export function createControlPlane(config: ControlPlaneConfig): readonly KnownObject[] {
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: systemNamespace } },
    createIdentity(config),
    createService("remora-identity", 15_012),
    createControl(config),
    createService("remora-control", 15_010),
  ];
}

function createIdentity({
  programs,
  folders,
  jwksFile,
  tokenIssuer,
  trustDomain,
  environment,
}: ControlPlaneConfig): Deployment {
  return createDeployment(
    "remora-identity",
    {
      name: "identity",
      command: programs.command("identity"),
      env: [
        ...takeSettings(environment, "REMORA_IDENTITY_"),
        { name: "REMORA_IDENTITY_CA_DIR", value: "/var/run/remora/authority" },
        { name: "REMORA_IDENTITY_JWKS_FILE", value: "/var/run/remora/jwks.json" },
        { name: "REMORA_IDENTITY_TOKEN_ISSUER", value: tokenIssuer },
        { name: "REMORA_IDENTITY_BUNDLE_FILE", value: "/var/run/remora/bundle/ca.pem" },
        { name: "REMORA_TRUST_DOMAIN", value: trustDomain },
      ],
      volumeMounts: [
        { name: "authority", mountPath: "/var/run/remora/authority" },
        { name: "bundle", mountPath: "/var/run/remora/bundle" },
        { name: "jwks", mountPath: "/var/run/remora/jwks.json", readOnly: true },
      ],
      readinessProbe: { httpGet: { path: "/ready", port: 15_014 }, periodSeconds: 2 },
      livenessProbe: { httpGet: { path: "/live", port: 15_014 }, periodSeconds: 10 },
    },
    [
      { name: "authority", hostPath: { path: folders.authority } },
      { name: "bundle", hostPath: { path: folders.bundle } },
      { name: "jwks", hostPath: { path: jwksFile } },
    ],
  );
}

function createControl({
  programs,
  folders,
  trustDomain,
  environment,
}: ControlPlaneConfig): Deployment {
  return createDeployment(
    "remora-control",
    {
      name: "control",
      command: programs.command("control"),
      env: [
        ...takeSettings(environment, "REMORA_CONTROL_"),
        { name: "REMORA_CONTROL_MANIFESTS", value: "/var/run/remora/objects" },
        { name: "REMORA_TRUST_DOMAIN", value: trustDomain },
        {
          name: "REMORA_IDENTITY_ADDRESS",
          value: "remora-identity.remora-system.svc.cluster.local:15012",
        },
        { name: "REMORA_TOKEN_FILE", value: "/var/run/secrets/remora/token/token" },
        { name: "REMORA_TRUST_BUNDLE_FILE", value: "/var/run/secrets/remora/bundle/ca.pem" },
      ],
      volumeMounts: [
        { name: "objects", mountPath: "/var/run/remora/objects", readOnly: true },
        { name: "token", mountPath: "/var/run/secrets/remora/token", readOnly: true },
        { name: "trust-bundle", mountPath: "/var/run/secrets/remora/bundle", readOnly: true },
      ],
      readinessProbe: { httpGet: { path: "/ready", port: 15_014 }, periodSeconds: 2 },
      livenessProbe: { httpGet: { path: "/live", port: 15_014 }, periodSeconds: 10 },
    },
    [
      { name: "objects", hostPath: { path: folders.objects } },
      {
        name: "token",
        projected: { sources: [{ serviceAccountToken: { audience: "remora", path: "token" } }] },
      },
      { name: "trust-bundle", configMap: { name: "remora-trust-bundle" } },
    ],
  );
}

/** What the runner itself sets comes later in the list, and wins. */
function takeSettings(
  environment: ControlPlaneConfig["environment"],
  prefix: string,
): readonly EnvVar[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith(prefix) && value !== undefined ? [{ name, value }] : [],
  );
}

/** Not in the mesh: the control plane serves sidecars, and has its own mTLS. */
function createDeployment(
  name: string,
  container: Container,
  volumes: readonly Volume[],
): Deployment {
  const labels = { app: name, "remora.dev/inject": "disabled" };
  // Root without any capability: the owner of the private folders, and nothing more.
  const securityContext = {
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  };
  const spec = {
    serviceAccountName: name,
    terminationGracePeriodSeconds: 5,
    containers: [{ ...container, securityContext }],
    volumes,
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: systemNamespace },
    spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels }, spec } },
  };
}

/** Headless and published before it is ready, so that sidecars resolve it once and try until it answers. */
function createService(name: string, port: number): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: systemNamespace },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { app: name },
      ports: [{ port }],
    },
  };
}
