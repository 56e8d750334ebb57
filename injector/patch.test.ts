import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod, PodSpec } from "../src/api/kubernetes.ts";
import { sidecarEnvironment } from "../src/core/node-runtime.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { defaultInjection, type InjectionOptions } from "./options.ts";
import { type Injection, injectPod } from "./patch.ts";

const options: InjectionOptions = {
  ...defaultInjection,
  version: "1.2.3",
  image: "remora:1.2.3",
  proxyCommand: (memoryLimit) => ["node", `--fit=${memoryLimit}`, "proxy.js"],
  initCommand: ["node", "init.js"],
};
const optedIn = { labels: { "remora.dev/inject": "enabled" } };
const app: Container = { name: "web", image: "web", command: ["web"] };

function podOf(spec: Partial<PodSpec> = {}, metadata: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", ...metadata },
    spec: { containers: [app], ...spec },
  };
}

function patchedPod(pod: Pod, namespace: Parameters<typeof injectPod>[1] = optedIn): Pod {
  const injection = injectPod(pod, namespace, options);
  assert.equal(injection.kind, "patch", JSON.stringify(injection));
  return applyJsonPatch(pod, injection.kind === "patch" ? injection.patch : []) as Pod;
}

function refusal(injection: Injection): string {
  assert.equal(injection.kind, "refuse");
  return injection.kind === "refuse" ? injection.message : "";
}

function proxyOf(pod: Pod): Container {
  const proxy = pod.spec.initContainers?.find((one) => one.name === "remora-proxy");
  assert.ok(proxy);
  return proxy;
}

function envOf(container: Container | undefined): Record<string, string | undefined> {
  return Object.fromEntries(
    (container?.env ?? []).map((e) => [e.name, e.value ?? e.valueFrom?.fieldRef?.fieldPath]),
  );
}

test("rules come first and the sidecar second, before the pod's own init containers", () => {
  const pod = patchedPod(podOf({ initContainers: [{ name: "migrate" }] }));
  const names = pod.spec.initContainers?.map((container) => container.name);
  assert.deepEqual(names, ["remora-init", "remora-proxy", "migrate"]);
  assert.deepEqual(pod.spec.containers, [app]);
  assert.equal(pod.metadata.annotations?.["remora.dev/injected"], "1.2.3");
});

test("the sidecar is a native one, gated by its readiness", () => {
  const proxy = proxyOf(patchedPod(podOf()));
  assert.equal(proxy.restartPolicy, "Always");
  assert.deepEqual(proxy.startupProbe?.httpGet, { path: "/ready", port: 15_020 });
  assert.deepEqual(proxy.command, ["node", `--fit=${128 * 2 ** 20}`, "proxy.js"]);
});

test("the sidecar's environment holds who it is and where the control plane is", () => {
  const env = envOf(proxyOf(patchedPod(podOf({ containers: [app] }))));
  assert.deepEqual(env, {
    REMORA_POD_NAME: "metadata.name",
    REMORA_POD_NAMESPACE: "metadata.namespace",
    REMORA_POD_UID: "metadata.uid",
    REMORA_POD_IP: "status.podIP",
    REMORA_SERVICE_ACCOUNT: "spec.serviceAccountName",
    REMORA_NODE_NAME: "spec.nodeName",
    REMORA_TRUST_DOMAIN: "cluster.local",
    REMORA_IDENTITY_ADDRESS: "remora-identity.remora-system.svc.cluster.local:15012",
    REMORA_CONTROL_ADDRESS: "remora-control.remora-system.svc.cluster.local:15010",
    REMORA_TOKEN_FILE: "/var/run/secrets/remora/token/token",
    REMORA_TRUST_BUNDLE_FILE: "/var/run/secrets/remora/bundle/ca.pem",
    REMORA_ADMIN_SOCKET: "/var/run/remora/admin.sock",
    REMORA_LOG_LEVEL: "info",
    ...sidecarEnvironment,
    REMORA_ACCESS_LOG: "off",
    REMORA_DRAIN_TIME: "30s",
    REMORA_OPAQUE_PORTS: "",
    REMORA_INBOUND_PROTOCOLS: "",
    REMORA_PROBES: "{}",
  });
});

test("the sidecar satisfies Pod Security restricted, and only the rules container has capabilities", () => {
  const pod = patchedPod(podOf());
  assert.deepEqual(proxyOf(pod).securityContext, {
    runAsUser: 15_008,
    runAsGroup: 15_008,
    runAsNonRoot: true,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    seccompProfile: { type: "RuntimeDefault" },
    capabilities: { drop: ["ALL"] },
  });
  const init = pod.spec.initContainers?.[0]?.securityContext;
  assert.deepEqual(init?.capabilities, { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] });
  assert.equal(init?.allowPrivilegeEscalation, false);
  assert.equal(init?.readOnlyRootFilesystem, true);
});

test("token, trust bundle and private memory are mounted in the sidecar alone", () => {
  const pod = patchedPod(podOf({ volumes: [{ name: "data", emptyDir: {} }] }));
  const names = pod.spec.volumes?.map((volume) => volume.name);
  assert.deepEqual(names, ["data", "remora-token", "remora-trust-bundle", "remora-private"]);
  const token = pod.spec.volumes?.[1]?.projected?.sources[0]?.serviceAccountToken;
  assert.equal(token?.audience, "remora");
  assert.equal(pod.spec.volumes?.[3]?.emptyDir?.medium, "Memory");
  assert.equal(pod.spec.containers[0]?.volumeMounts, undefined);
});

test("http, tcp and grpc probes of every container go through the relay, exec stays", () => {
  const web: Container = {
    ...app,
    ports: [{ name: "http", containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/ok", port: "http", scheme: "HTTPS" }, periodSeconds: 3 },
    livenessProbe: { tcpSocket: { port: "8081" }, timeoutSeconds: 4 },
    startupProbe: { exec: { command: ["true"] } },
    lifecycle: { preStop: { httpGet: { path: "/bye", port: 8080 } } },
  };
  const helper: Container = {
    name: "helper",
    restartPolicy: "Always",
    startupProbe: { grpc: { port: 9000, service: "x" } },
  };
  const pod = patchedPod(podOf({ containers: [web], initContainers: [helper] }));
  const patched = pod.spec.containers[0];
  assert.deepEqual(patched?.readinessProbe, {
    httpGet: { path: "/probe/web/readiness", port: 15_020 },
    periodSeconds: 3,
  });
  assert.deepEqual(patched?.livenessProbe?.httpGet?.path, "/probe/web/liveness");
  assert.deepEqual(patched?.startupProbe, { exec: { command: ["true"] } });
  assert.equal(patched?.lifecycle?.preStop?.httpGet?.path, "/probe/web/pre-stop");
  assert.equal(pod.spec.initContainers?.[2]?.startupProbe?.httpGet?.path, "/probe/helper/startup");
  assert.deepEqual(JSON.parse(envOf(proxyOf(pod))["REMORA_PROBES"] ?? ""), {
    "/probe/helper/startup": { grpc: { port: 9000, service: "x" } },
    "/probe/web/readiness": { httpGet: { path: "/ok", port: 8080, scheme: "HTTPS" } },
    "/probe/web/liveness": { tcpSocket: { port: 8081 }, timeoutSeconds: 4 },
    "/probe/web/pre-stop": { httpGet: { path: "/bye", port: 8080 } },
  });
});

test("a probe of another host or of a port without a number stays as it is", () => {
  const web: Container = {
    ...app,
    readinessProbe: { httpGet: { host: "10.9.9.9", port: 80 } },
    livenessProbe: { tcpSocket: { port: "absent" } },
  };
  const injection = injectPod(podOf({ containers: [web] }), optedIn, options);
  assert.equal(injection.kind === "patch" && injection.warnings.length, 1);
  assert.deepEqual(patchedPod(podOf({ containers: [web] })).spec.containers, [web]);
});

test("a patched pod gives an empty patch", () => {
  const web: Container = {
    ...app,
    ports: [{ name: "grpc-api", containerPort: 9090 }],
    readinessProbe: { httpGet: { port: 8080 } },
    lifecycle: { postStart: { exec: { command: ["true"] } } },
  };
  const pod = patchedPod(podOf({ containers: [web], initContainers: [{ name: "migrate" }] }));
  const again = injectPod(pod, optedIn, options);
  assert.deepEqual(again, { kind: "patch", patch: [], warnings: [] });
});

test("what other webhooks did since is repaired: order, and probes that came later", () => {
  const pod = patchedPod(
    podOf({ containers: [{ ...app, readinessProbe: { httpGet: { port: 1 } } }] }),
  );
  const vault: Container = { name: "vault", livenessProbe: { httpGet: { port: 8200 } } };
  const mirrored = { ...proxyOf(pod), image: "mirror/remora:1.2.3" };
  const init = pod.spec.initContainers?.[0] as Container;
  const disturbed: Pod = {
    ...pod,
    spec: {
      ...pod.spec,
      initContainers: [{ name: "first" }, init, mirrored],
      containers: [...pod.spec.containers, vault],
    },
  };
  const repaired = patchedPod(disturbed);
  const names = repaired.spec.initContainers?.map((container) => container.name);
  assert.deepEqual(names, ["remora-init", "remora-proxy", "first"]);
  assert.equal(proxyOf(repaired).image, "mirror/remora:1.2.3");
  const probes = Object.keys(JSON.parse(envOf(proxyOf(repaired))["REMORA_PROBES"] ?? ""));
  assert.deepEqual(probes, ["/probe/web/readiness", "/probe/vault/liveness"]);
});

const skips: readonly (readonly [string, Pod, object])[] = [
  ["host_network", podOf({ hostNetwork: true }), optedIn],
  ["opted_out", podOf({}, { labels: { "remora.dev/inject": "disabled" } }), optedIn],
  ["opted_out", podOf(), { labels: { "remora.dev/inject": "disabled" } }],
  ["not_opted_in", podOf(), {}],
  ["other_mesh", podOf({ containers: [app, { name: "istio-proxy" }] }), optedIn],
  ["other_mesh", podOf({ initContainers: [{ name: "linkerd-proxy" }] }), optedIn],
  ["windows", podOf({ os: { name: "windows" } }), optedIn],
  ["windows", podOf({ nodeSelector: { "kubernetes.io/os": "windows" } }), optedIn],
  ["already_injected", podOf({ initContainers: [{ name: "remora-proxy" }] }), optedIn],
];
for (const [reason, pod, namespace] of skips) {
  test(`a pod is skipped as ${reason}: ${JSON.stringify(pod.spec).slice(0, 60)}`, () => {
    assert.deepEqual(injectPod(pod, namespace, options), { kind: "skip", reason });
  });
}

test("the pod's own label wins over the namespace's", () => {
  const pod = podOf({}, { labels: { "remora.dev/inject": "enabled" } });
  const namespace = { labels: { "remora.dev/inject": "disabled" } };
  assert.equal(injectPod(pod, namespace, options).kind, "patch");
});

test("a pod of another version is left as it is", () => {
  const pod = patchedPod(podOf());
  const newer = injectPod(pod, optedIn, { ...options, version: "1.3.0" });
  assert.deepEqual(newer, { kind: "skip", reason: "already_injected" });
});

const refusals: readonly (readonly [string, Pod, RegExp])[] = [
  [
    "uid",
    podOf({ containers: [{ ...app, securityContext: { runAsUser: 15_008 } }] }),
    /"web" runs as uid 15008/,
  ],
  ["gid", podOf({ securityContext: { runAsGroup: 15_008 } }), /"web" runs as gid 15008/],
  ["group", podOf({ securityContext: { supplementalGroups: [15_008] } }), /the group 15008/],
  ["file group", podOf({ securityContext: { fsGroup: 15_008 } }), /the group 15008/],
  [
    "gid of a container",
    podOf({ initContainers: [{ name: "migrate", securityContext: { runAsGroup: 15_008 } }] }),
    /"migrate" runs as gid 15008/,
  ],
  [
    "port",
    podOf({ containers: [{ ...app, ports: [{ containerPort: 15_020 }] }] }),
    /declares port 15020/,
  ],
  ["name", podOf({ containers: [{ name: "remora-proxy" }] }), /"remora-proxy" is reserved/],
  [
    "volume",
    podOf({ volumes: [{ name: "remora-token", emptyDir: {} }] }),
    /"remora-token" is reserved/,
  ],
  [
    "label",
    podOf({}, { labels: { "remora.dev/inject": "true" } }),
    /is "true", and must be "enabled" or "disabled"/,
  ],
];
for (const [name, pod, expected] of refusals) {
  test(`a pod that conflicts with the sidecar is refused: ${name}`, () => {
    assert.match(refusal(injectPod(pod, optedIn, options)), expected);
  });
}

test("an overridden pod-wide uid is no conflict", () => {
  const pod = podOf({
    securityContext: { runAsUser: 15_008 },
    containers: [{ ...app, securityContext: { runAsUser: 1000 } }],
  });
  assert.equal(injectPod(pod, optedIn, options).kind, "patch");
});

function annotated(annotations: Record<string, string>): Pod {
  const entries = Object.entries(annotations).map(([key, value]) => [
    `config.remora.dev/${key}`,
    value,
  ]);
  return podOf({}, { annotations: Object.fromEntries(entries) });
}

test("annotations tune the two containers, the pod's before the namespace's", () => {
  const pod = annotated({
    "skip-inbound-ports": " 80, 8000-8010 ,",
    "opaque-ports": "5432",
    "log-level": "debug",
    image: "other:1",
    "proxy-memory-limit": "20Mi",
  });
  const namespace = {
    ...optedIn,
    annotations: {
      "config.remora.dev/opaque-ports": "1",
      "config.remora.dev/skip-outbound-ports": "25",
    },
  };
  const patched = patchedPod(pod, namespace);
  assert.deepEqual(envOf(patched.spec.initContainers?.[0]), {
    REMORA_SKIP_INBOUND_PORTS: "80,8000-8010",
    REMORA_SKIP_OUTBOUND_PORTS: "25",
    REMORA_PROXY_UID: "15008",
  });
  const env = envOf(proxyOf(patched));
  assert.equal(env["REMORA_OPAQUE_PORTS"], "5432");
  assert.equal(env["REMORA_LOG_LEVEL"], "debug");
  assert.equal(proxyOf(patched).image, "other:1");
  assert.deepEqual(proxyOf(patched).resources, {
    requests: { cpu: "10m", memory: "20Mi" },
    limits: { memory: "20Mi" },
  });
  assert.deepEqual(proxyOf(patched).command, ["node", `--fit=${20 * 2 ** 20}`, "proxy.js"]);
});

const hostile: readonly (readonly [string, string])[] = [
  ["skip-inbound-ports", "80;rm -rf /"],
  ["skip-inbound-ports", "0"],
  ["skip-inbound-ports", "65536"],
  ["skip-inbound-ports", "9-1"],
  ["skip-inbound-ports", "1-2-3"],
  ["skip-outbound-ports", "-1"],
  ["opaque-ports", "8e1"],
  ["opaque-ports", "1,".repeat(100_000)],
  ["log-level", "verbose"],
  ["access-log", "true"],
  ["drain-time", "5"],
  ["drain-time", "99h"],
  ["drain-time", "0s"],
  ["image", "evil image\nname"],
  ["proxy-cpu-limit", "-1"],
  ["proxy-memory-request", "1Zi"],
];
for (const [key, value] of hostile) {
  test(`a bad annotation refuses the pod: ${key}=${JSON.stringify(value.slice(0, 20))}`, () => {
    const message = refusal(injectPod(annotated({ [key]: value }), optedIn, options));
    assert.match(message, new RegExp(`^the annotation config.remora.dev/${key} `));
    assert.ok(message.length < 200, message);
  });
}

test("all bad annotations are reported at once", () => {
  const pod = annotated({
    "log-level": "x",
    "access-log": "y",
    "proxy-cpu-request": "2",
    "proxy-cpu-limit": "1",
  });
  assert.equal(refusal(injectPod(pod, optedIn, options)).split("; ").length, 3);
});

test("an unknown annotation of ours is a warning", () => {
  const injection = injectPod(
    annotated({ "skip-inbond-ports": "80", __proto__: "x" }),
    optedIn,
    options,
  );
  const warnings = injection.kind === "patch" ? injection.warnings : [];
  assert.deepEqual(warnings, [
    "the annotation config.remora.dev/skip-inbond-ports is not known and has no effect",
  ]);
});

test("the drain fits into the pod's grace period", () => {
  const env = envOf(proxyOf(patchedPod(podOf({ terminationGracePeriodSeconds: 5 }))));
  assert.equal(env["REMORA_DRAIN_TIME"], "5s");
});

test("a grace period of none leaves the shortest drain", () => {
  for (const terminationGracePeriodSeconds of [0, -1]) {
    const env = envOf(proxyOf(patchedPod(podOf({ terminationGracePeriodSeconds }))));
    assert.equal(env["REMORA_DRAIN_TIME"], "1s");
  }
});

const evictable = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

test("the autoscaler may move the pod in spite of the sidecar's memory volume", () => {
  assert.equal(patchedPod(podOf()).metadata.annotations?.[evictable], "remora-private");
  const own = patchedPod(podOf({}, { annotations: { [evictable]: "cache, tmp" } }));
  assert.equal(own.metadata.annotations?.[evictable], "cache,tmp,remora-private");
  const again = injectPod(own, optedIn, options);
  assert.deepEqual(again.kind === "patch" && again.patch, []);
});

const shapes: readonly Partial<PodSpec>[] = [
  { hostPID: true },
  { shareProcessNamespace: true },
  { os: { name: "linux" } },
  { securityContext: { runAsNonRoot: true, runAsUser: 1_000, fsGroup: 2_000 } },
];
for (const spec of shapes) {
  test(`a pod with a network of its own is injected: ${JSON.stringify(spec)}`, () => {
    const pod = patchedPod(podOf(spec));
    assert.deepEqual({ ...pod.spec, ...spec }, pod.spec);
    assert.equal(proxyOf(pod).securityContext?.runAsUser, 15_008);
  });
}

test("names of container ports declare protocols", () => {
  const ports = [
    { name: "http-admin", containerPort: 9 },
    { name: "grpc", containerPort: 7 },
    { name: "other", containerPort: 8 },
    { name: "tcp-dns", containerPort: 53, protocol: "UDP" as const },
  ];
  const env = envOf(proxyOf(patchedPod(podOf({ containers: [{ ...app, ports }] }))));
  assert.equal(env["REMORA_INBOUND_PROTOCOLS"], "7=grpc,9=http1");
});
