/** The objects of the bench's mesh: two pods and one Service, and what the feature runs put beside them. */
import type { Traffic } from "../peer.ts";
import { clientAddress } from "../site/network.ts";
import { type Site, serviceAddresses, servicePort } from "../site/site.ts";
import type { Features } from "./remora.ts";

export const kubernetesNamespace = "bench";

/** A Service of many pods, all of them in a network of their own. */
export const crowdAddress = "10.96.0.20";
export const crowdNetwork = "10.79";

/** How a user declares the port's protocol, and how the injector tells the sidecar. */
export const declared: Readonly<Record<Traffic, { appProtocol: string; inbound: string }>> = {
  http1: { appProtocol: "http", inbound: "http1" },
  http2: { appProtocol: "kubernetes.io/h2c", inbound: "http2" },
  grpc: { appProtocol: "grpc", inbound: "grpc" },
  tcp: { appProtocol: "tcp", inbound: "tcp" },
};

export function createObjects(site: Site, traffic: Traffic, features: Features): unknown {
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
  const items = [
    pod("client", clientAddress),
    ...site.destinations.flatMap((ip, at) => createServer(site, traffic, pod("server", ip), at)),
    ...createPolicies(features.rules ?? 0),
    ...Array.from({ length: features.services ?? 0 }, (_, at) => otherService(at, pod)).flat(),
    ...createCrowd(features.endpoints ?? 0, pod),
  ];
  return { apiVersion: "v1", kind: "List", items };
}

/** A pod of the server's account with a Service of its own. */
function createServer(
  site: Site,
  traffic: Traffic,
  pod: { readonly metadata: object },
  at: number,
): unknown[] {
  const name = at === 0 ? "server" : `server-${at}`;
  const uid = `00000000-0000-4000-b000-${at.toString(16).padStart(12, "0")}`;
  const metadata = { ...pod.metadata, name, labels: { app: "server", server: name } };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: kubernetesNamespace },
    spec: {
      clusterIP: serviceAddresses(site)[at],
      selector: { server: name },
      ports: [
        {
          port: servicePort,
          targetPort: site.backendPort,
          appProtocol: declared[traffic].appProtocol,
        },
      ],
    },
  };
  return [{ ...pod, metadata: at === 0 ? metadata : { ...metadata, uid } }, service];
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
  return [{ ...made, metadata: { ...made.metadata, uid } }, idleService(name, `10.97.${bytes}`)];
}

/** One Service with many pods, which the client's sidecar hears of and sends nothing to. */
function createCrowd(count: number, pod: (name: string, ip: string) => { metadata: object }) {
  if (count === 0) return [];
  const pods = Array.from({ length: count }, (_, at) => {
    const made = pod(`crowd-${at}`, `${crowdNetwork}.${(at >> 8) & 255}.${at & 255}`);
    const uid = `00000000-0000-4000-a000-${at.toString(16).padStart(12, "0")}`;
    return { ...made, metadata: { ...made.metadata, uid, labels: { app: "crowd" } } };
  });
  return [...pods, idleService("crowd", crowdAddress)];
}

function idleService(name: string, clusterIP: string): unknown {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: kubernetesNamespace },
    spec: {
      clusterIP,
      selector: { app: name },
      ports: [{ port: 80, targetPort: 8080, appProtocol: "http" }],
    },
  };
}

export function podUid(name: string): string {
  return `00000000-0000-4000-8000-${Buffer.from(name.padEnd(6).slice(0, 6)).toString("hex")}`;
}
