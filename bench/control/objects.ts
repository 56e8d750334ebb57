/** A cluster's objects as an API server sends them, with all that it sends along: what control must read and not keep. */

export interface ClusterSize {
  readonly pods: number;
  readonly services: number;
}

export interface RawPod {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly status: Readonly<Record<string, unknown>>;
}

/** The namespace whose pods the bench's sidecars are. */
export const homeNamespace = "ns-0";
export const serviceAccount = "app";
export const namespaces = 5;

export const namespaceOf = (pod: number): string => `ns-${pod % namespaces}`;
export const podName = (pod: number): string => `app-${pod}-7d9f8b6c5-x${pod.toString(36)}`;
export const podUid = (pod: number): string =>
  `00000000-0000-4000-8000-${pod.toString(16).padStart(12, "0")}`;
export const podIp = (pod: number): string =>
  `10.${64 + (pod >> 16)}.${(pod >> 8) & 255}.${pod & 255}`;
export const serviceIp = (service: number): string => `10.96.${service >> 8}.${service & 255}`;

/** Pods of one namespace stand behind a service; which, so that each pod has about one service. */
export function podsOf(service: number, { pods, services }: ClusterSize): readonly number[] {
  const count = Math.max(1, Math.floor(pods / services));
  const home = service % namespaces;
  const first = Math.floor(service / namespaces) * count;
  return Array.from({ length: count }, (_, index) => home + (first + index) * namespaces).filter(
    (pod) => pod < pods,
  );
}

export function createPod(pod: number, version: number, ready = true): unknown {
  const name = podName(pod);
  const status = ready ? "True" : "False";
  const time = "2026-01-01T00:00:00Z";
  return {
    metadata: {
      name,
      namespace: namespaceOf(pod),
      uid: podUid(pod),
      resourceVersion: String(version),
      creationTimestamp: time,
      generateName: `app-${pod}-7d9f8b6c5-`,
      labels: { app: `app-${pod}`, "pod-template-hash": "7d9f8b6c5", team: `team-${pod % 40}` },
      annotations: { "remora.dev/injected": "0.1.0", "kubectl.kubernetes.io/restartedAt": time },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: `app-${pod}-7d9f8b6c5`,
          uid: podUid(pod),
        },
      ],
      // About as much as a kubelet and a controller leave behind.
      managedFields: [managedFields("kube-controller-manager", 30), managedFields("kubelet", 40)],
    },
    spec: {
      nodeName: `node-${pod % 200}`,
      serviceAccountName: serviceAccount,
      restartPolicy: "Always",
      containers: ["app", "helper"].map((container) => ({
        name: container,
        image: `registry.example/team/${container}:1.2.3`,
        ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
        env: Array.from({ length: 12 }, (_, index) => ({
          name: `SETTING_${index}`,
          value: "value",
        })),
        resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
        volumeMounts: [
          { name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
        ],
      })),
      volumes: [
        { name: "token", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
      ],
    },
    status: {
      phase: "Running",
      hostIP: "192.0.2.1",
      podIP: podIp(pod),
      podIPs: [{ ip: podIp(pod) }],
      startTime: time,
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
        type,
        status: type === "Ready" ? status : "True",
        lastTransitionTime: time,
      })),
      containerStatuses: ["app", "helper"].map((container) => ({
        name: container,
        ready,
        containerID: `containerd://${podUid(pod).replaceAll("-", "").repeat(2)}`,
        state: { running: { startedAt: time } },
      })),
    },
  };
}

export function createService(service: number, version: number): unknown {
  const name = `svc-${service}`;
  return {
    metadata: {
      name,
      namespace: `ns-${service % namespaces}`,
      uid: `service-${service}`,
      resourceVersion: String(version),
      creationTimestamp: "2026-01-01T00:00:00Z",
      managedFields: [managedFields("helm", 12)],
    },
    spec: {
      type: "ClusterIP",
      clusterIP: serviceIp(service),
      clusterIPs: [serviceIp(service)],
      selector: { app: name },
      ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
    },
  };
}

export function createSlice(
  service: number,
  size: ClusterSize,
  version: number,
  isReady: (pod: number) => boolean = () => true,
): unknown {
  return {
    metadata: {
      name: `svc-${service}-abcde`,
      namespace: `ns-${service % namespaces}`,
      uid: `slice-${service}`,
      resourceVersion: String(version),
      labels: { "kubernetes.io/service-name": `svc-${service}` },
      managedFields: [managedFields("kube-controller-manager", 12)],
    },
    addressType: "IPv4",
    endpoints: podsOf(service, size).map((pod) => ({
      addresses: [podIp(pod)],
      conditions: { ready: isReady(pod), serving: isReady(pod), terminating: false },
      nodeName: `node-${pod % 200}`,
      targetRef: { kind: "Pod", namespace: namespaceOf(pod), name: podName(pod), uid: podUid(pod) },
    })),
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  };
}

export function createNamespace(index: number): unknown {
  const name = `ns-${index}`;
  return { metadata: { name, uid: name, resourceVersion: "1" } };
}

/** One for each Service, and Kubernetes' own in each namespace. */
export function createServiceAccount(index: number): unknown {
  const name = index < namespaces ? "default" : `account-${index}`;
  const namespace = `ns-${index % namespaces}`;
  return { metadata: { name, namespace, uid: `account-${index}`, resourceVersion: "1" } };
}

export function createNode(node: number): unknown {
  const labels = {
    "topology.kubernetes.io/region": "region",
    "topology.kubernetes.io/zone": `zone-${node % 3}`,
  };
  return { metadata: { name: `node-${node}`, uid: `node-${node}`, resourceVersion: "1", labels } };
}

function managedFields(manager: string, fields: number): unknown {
  const paths = Array.from({ length: fields }, (_, index) => [
    `f:field-${index}`,
    { ".": {}, "f:name": {}, "f:value": {} },
  ]);
  const time = "2026-01-01T00:00:00Z";
  return { manager, operation: "Update", time, fieldsV1: { "f:spec": Object.fromEntries(paths) } };
}
