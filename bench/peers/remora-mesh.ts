/** The smallest mesh that has a request to carry: two pods, one Service, and the environments of all programs. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { seconds } from "../../src/core/duration.ts";
import { createTokenSigner, type TokenSigner } from "../../src/identity/local-issuer.ts";
import type { Traffic } from "../peer.ts";
import { clientAddress, serverAddress } from "../site/network.ts";
import type { Site } from "../site/site.ts";
import type { Features } from "./remora.ts";

type Environment = Readonly<Record<string, string>>;

export interface Sidecar {
  readonly name: string;
  readonly namespace: string;
  readonly env: Environment;
  readonly initEnv: Environment;
}

interface Plane {
  readonly port: number;
  readonly env: Environment;
}

export interface BenchMesh {
  readonly identity: Plane;
  readonly control: Plane;
  readonly client: Sidecar;
  readonly server: Sidecar;
}

/** The Service that clients dial; on no interface, as in a cluster. */
export const serviceAddress = "10.96.0.10";

const proxyUid = 15_008;
const kubernetesNamespace = "bench";
const identityPort = 15_012;
const controlPort = 15_010;

/** How a user declares the port's protocol, and how the injector tells the sidecar. */
const declared: Readonly<Record<Traffic, { appProtocol: string; inbound: string }>> = {
  http1: { appProtocol: "http", inbound: "http1" },
  http2: { appProtocol: "kubernetes.io/h2c", inbound: "http2" },
  grpc: { appProtocol: "grpc", inbound: "grpc" },
  tcp: { appProtocol: "tcp", inbound: "tcp" },
};

export function createBenchMesh(
  folder: string,
  site: Site,
  traffic: Traffic,
  features: Features,
): BenchMesh {
  const make = (name: string) => {
    mkdirSync(`${folder}/${name}`, { recursive: true });
    return `${folder}/${name}`;
  };
  const signer = createTokenSigner(make("tokens"));
  const bundleFile = `${make("bundle")}/ca.pem`;
  const manifests = make("manifests");
  writeFileSync(`${manifests}/bench.json`, JSON.stringify(createObjects(site, traffic, features)));
  const context = { folder, signer, bundleFile, site, traffic, features };
  return {
    identity: {
      port: identityPort,
      env: {
        REMORA_IDENTITY_CA_DIR: make("authority"),
        REMORA_IDENTITY_JWKS_FILE: signer.jwksFile,
        REMORA_IDENTITY_TOKEN_ISSUER: signer.issuer,
        REMORA_IDENTITY_BUNDLE_FILE: bundleFile,
      },
    },
    control: {
      port: controlPort,
      env: {
        REMORA_CONTROL_MANIFESTS: manifests,
        // Beside identity in one namespace; in a cluster each has its own.
        REMORA_CONTROL_METRICS_LISTEN: "127.0.0.1:15016",
        REMORA_IDENTITY_ADDRESS: `localhost:${identityPort}`,
        REMORA_TOKEN_FILE: writeToken(folder, signer, "remora-system", "remora-control"),
        REMORA_TRUST_BUNDLE_FILE: bundleFile,
      },
    },
    client: createSidecar(context, "client"),
    server: createSidecar(context, "server"),
  };
}

interface Context {
  readonly folder: string;
  readonly signer: TokenSigner;
  readonly bundleFile: string;
  readonly site: Site;
  readonly traffic: Traffic;
  readonly features: Features;
}

function createSidecar(context: Context, name: "client" | "server"): Sidecar {
  const { folder, signer, bundleFile, site, traffic } = context;
  const isServer = name === "server";
  const privateFolder = `${folder}/private-${name}`;
  mkdirSync(privateFolder, { recursive: true });
  chownSync(privateFolder, proxyUid, proxyUid);
  chmodSync(privateFolder, 0o700);
  return {
    name: isServer ? "inbound" : "outbound",
    namespace: isServer ? site.serverNamespace : site.clientNamespace,
    env: {
      REMORA_POD_NAME: name,
      REMORA_POD_NAMESPACE: kubernetesNamespace,
      REMORA_POD_UID: podUid(name),
      REMORA_POD_IP: isServer ? serverAddress : clientAddress,
      REMORA_SERVICE_ACCOUNT: name,
      REMORA_NODE_NAME: "bench",
      REMORA_IDENTITY_ADDRESS: `${serverAddress}:${identityPort}`,
      REMORA_CONTROL_ADDRESS: `${serverAddress}:${controlPort}`,
      REMORA_TOKEN_FILE: writeToken(folder, signer, kubernetesNamespace, name),
      REMORA_TRUST_BUNDLE_FILE: bundleFile,
      REMORA_ADMIN_SOCKET: `${privateFolder}/admin.sock`,
      REMORA_LOG_LEVEL: context.features.accessLog === true ? "info" : "warn",
      REMORA_ACCESS_LOG: context.features.accessLog === true ? "on" : "off",
      REMORA_DRAIN_TIME: "1s",
      ...(isServer
        ? { REMORA_INBOUND_PROTOCOLS: `${site.backendPort}=${declared[traffic].inbound}` }
        : {}),
    },
    // Identity and control share the server's namespace, where in a cluster they have pods of their own.
    initEnv: isServer ? { REMORA_SKIP_INBOUND_PORTS: `${controlPort},${identityPort}` } : {},
  };
}

function writeToken(
  folder: string,
  signer: TokenSigner,
  namespace: string,
  serviceAccount: string,
): string {
  const file = `${folder}/${serviceAccount}.token`;
  const pod = { podName: serviceAccount, podUid: podUid(serviceAccount) };
  const request = {
    namespace,
    serviceAccount,
    ...pod,
    audience: "remora",
    lifetime: seconds(86_400),
  };
  writeFileSync(file, signer.sign(request));
  return file;
}

function createObjects(site: Site, traffic: Traffic, features: Features): unknown {
  const pod = (name: string, ip: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: kubernetesNamespace,
      uid: podUid(name),
      labels: { app: name },
      annotations: { "remora.dev/injected": "bench" },
    },
    spec: { serviceAccountName: name, containers: [{ name, command: ["true"] }] },
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
  const { appProtocol } = declared[traffic];
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "server", namespace: kubernetesNamespace },
    spec: {
      clusterIP: serviceAddress,
      selector: { app: "server" },
      ports: [{ port: 80, targetPort: site.backendPort, appProtocol }],
    },
  };
  const items = [
    pod("client", clientAddress),
    pod("server", serverAddress),
    service,
    ...createPolicies(features.rules ?? 0),
    ...Array.from({ length: features.services ?? 0 }, (_, at) => otherService(at, pod)).flat(),
  ];
  return { apiVersion: "v1", kind: "List", items };
}

/** As many as one policy may have. */
const rulesPerPolicy = 64;

/** Every rule but the last one is about somebody else. */
function createPolicies(count: number): unknown[] {
  const rules = Array.from({ length: count }, (_, at) => ({
    from: { serviceAccounts: [at === count - 1 ? "client" : `other-${at}`] },
    to: { methods: ["GET", "POST"], paths: ["/100", "/10k"] },
  }));
  return Array.from({ length: Math.ceil(count / rulesPerPolicy) }, (_, at) => ({
    apiVersion: "policy.remora.dev/v1alpha1",
    kind: "AuthorizationPolicy",
    metadata: { name: `bench-${at}`, namespace: kubernetesNamespace },
    spec: {
      selector: { matchLabels: { app: "server" } },
      action: "Allow",
      rules: rules.slice(at * rulesPerPolicy, (at + 1) * rulesPerPolicy),
    },
  }));
}

/** A Service that nobody asks for, with one pod. */
function otherService(
  at: number,
  pod: (name: string, ip: string) => { metadata: object },
): unknown[] {
  const name = `other-${at}`;
  const bytes = `${(at >> 8) & 255}.${at & 255}`;
  const made = pod(name, `10.78.${bytes}`);
  const uid = `00000000-0000-4000-9000-${at.toString(16).padStart(12, "0")}`;
  return [
    { ...made, metadata: { ...made.metadata, uid } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: kubernetesNamespace },
      spec: {
        clusterIP: `10.97.${bytes}`,
        selector: { app: name },
        ports: [{ port: 80, targetPort: 8080, appProtocol: "http" }],
      },
    },
  ];
}

function podUid(name: string): string {
  return `00000000-0000-4000-8000-${Buffer.from(name.padEnd(6).slice(0, 6)).toString("hex")}`;
}
