/** Control on a real API server, asked by raw xDS clients. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { addressType, authorizationType } from "../../src/api/discovery.ts";
import {
  Action,
  type Authorization,
  AuthorizationSchema,
} from "../../src/api/gen/authorization_pb.ts";
import { decodeAddress } from "../../src/api/wire/workload.ts";
import type { MeshAddress } from "../../src/api/workload.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { type ControlFixture, type RawStream, startControlFixture } from "./control-fixture.ts";
import { eventually } from "./eventually.ts";

let server: ApiServer;
let client: KubernetesClient;

before(async () => {
  server = await startApiServer();
  client = createKubernetesClient({ kubeconfig: server.kubeconfig });
  const namespaces = ["shop", "remora-system"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  }));
  await server.kubectl(
    ["apply"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: namespaces }),
  );
});
after(async () => {
  client.close();
  await server.close();
});

function startControl(context: TestContext, replica = "one"): Promise<ControlFixture> {
  return startControlFixture(
    context,
    {},
    {
      REMORA_CONTROL_MANIFESTS: "",
      REMORA_CONTROL_KUBECONFIG: server.kubeconfig,
      REMORA_CONTROL_REPLICA: replica,
    },
  );
}

const pods = "/api/v1/namespaces/shop/pods";
const slices = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
const services = "/api/v1/namespaces/shop/services";
const create = <T>(path: string, body: unknown): Promise<T> =>
  client.request<T>({ method: "POST", path, body });
const merge = (path: string, body: unknown): Promise<unknown> =>
  client.request({ method: "PATCH", path, contentType: "application/merge-patch+json", body });
/** As a kubelet does it that has ended the containers. */
const remove = (path: string): Promise<unknown> =>
  client.request({ method: "DELETE", path, query: { gracePeriodSeconds: "0" } });

/** Nobody runs it; the test is its kubelet. Gives its uid. */
async function runPod(name: string, ip: string, account = "web"): Promise<string> {
  const made = await create<{ metadata: { uid: string } }>(pods, {
    metadata: { name, labels: { app: "web" }, annotations: { "remora.dev/injected": "1" } },
    spec: { serviceAccountName: account, containers: [{ name: "app", image: "app" }] },
  });
  await merge(`${pods}/${name}/status`, {
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      startTime: new Date().toISOString().replace(/\.\d+/, ""),
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
  return made.metadata.uid;
}

function sliceOf(service: string, pod: string, uid: string, ip: string) {
  return {
    metadata: { name: `${service}-1`, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    endpoints: [
      {
        addresses: [ip],
        conditions: { ready: true },
        targetRef: { kind: "Pod", namespace: "shop", name: pod, uid },
      },
    ],
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  };
}

/** Follows a key as a proxy does; gives what it leads to now. */
function follow(stream: RawStream, key: string): () => Promise<ReadonlyMap<string, MeshAddress>> {
  stream.send({ typeUrl: addressType, resourceNamesSubscribe: [key] });
  const held = new Map<string, MeshAddress>();
  return async () => {
    while (stream.waiting() > 0) {
      const response = await stream.next();
      for (const { name, resource } of response.resources) {
        if (resource !== undefined) held.set(name, decodeAddress(resource.value));
      }
      for (const name of response.removedResources) held.delete(name);
    }
    return held;
  };
}

const accounts = (held: ReadonlyMap<string, MeshAddress>): string[] =>
  Array.from(held.values(), (address) =>
    address.kind === "workload" ? address.serviceAccount : address.name,
  ).sort();

test("a proxy is told of services, endpoints and pods of the cluster, and of their changes", async (context) => {
  const uid = await runPod("web-0", "10.0.0.1");
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  await create(services, { metadata: { name: "web" }, spec: { selector: { app: "web" }, ports } });
  await create(slices, sliceOf("web", "web-0", uid, "10.0.0.1"));
  const control = await startControl(context);
  const held = follow(control.dial().stream(), "shop/web.shop.svc.cluster.local");
  await eventually("service and endpoint", async () => (await held()).size === 2);
  assert.deepEqual(accounts(await held()), ["web", "web"]);
  const second = await runPod("web-1", "10.0.0.2");
  await create(slices, {
    ...sliceOf("web", "web-1", second, "10.0.0.2"),
    metadata: { name: "web-2", labels: { "kubernetes.io/service-name": "web" } },
  });
  await eventually("the second endpoint", async () => (await held()).has(second));
  await remove(`${slices}/web-2`);
  await eventually("the second endpoint leaves", async () => !(await held()).has(second));
});

test("an address that moves to another pod is told under the new identity", async (context) => {
  await runPod("old", "10.0.1.1", "old");
  const control = await startControl(context);
  const held = follow(control.dial().stream(), "/10.0.1.1");
  await eventually("the old pod", async () => accounts(await held())[0] === "old");
  // The old one is still there when the address is given away: its deletion is late.
  await runPod("new", "10.0.1.1", "new");
  await eventually("the new pod", async () => accounts(await held())[0] === "new");
  await remove(`${pods}/old`);
  await runPod("other", "10.0.1.2", "other");
  const other = follow(control.dial().stream(), "/10.0.1.2");
  await eventually("what came after the deletion", async () => (await other()).size === 1);
  assert.deepEqual(accounts(await held()), ["new"]);
});

test("an API server that restarts changes nothing for proxies, and is heard again", async (context) => {
  await runPod("steady", "10.0.2.1", "steady");
  const control = await startControl(context);
  const stream = control.dial().stream();
  const held = follow(stream, "/10.0.2.1");
  await eventually("the pod", async () => (await held()).size === 1);
  await server.stop("SIGKILL");
  const late = control.dial().stream();
  const heldLate = follow(late, "/10.0.2.1");
  await eventually("a proxy that comes now is told", async () => (await heldLate()).size === 1);
  await eventually("the age is shown", async () => {
    const [, age] =
      /^remora_control_source_age_seconds (\S+)$/m.exec(await control.metrics()) ?? [];
    return Number(age) > 0.2;
  });
  await server.start();
  await merge(`${pods}/steady/status`, {
    status: { conditions: [{ type: "Ready", status: "False" }] },
  });
  await eventually(
    "a change after the restart",
    async () => {
      const [workload] = (await held()).values();
      return workload?.kind === "workload" && !workload.healthy;
    },
    30_000,
  );
});

test("policies come when their definitions do, and the leader says what is wrong with them", async (context) => {
  const replicas = [await startControl(context, "one"), await startControl(context, "two")];
  await server.kubectl(["apply"], JSON.stringify(laxDefinition));
  await eventually(
    "the definitions are served",
    async () => {
      const [good, bad, alone] = [
        { action: "Deny", rules: [{ from: { namespaces: ["evil"] } }] },
        { action: "Allow", rules: [{ to: { paths: ["/%61"] } }] },
        { action: "Deny", selector: { matchLabels: { app: "nobody" } } },
      ].map((spec) => JSON.stringify(spec));
      const objects = [policy("good", good), policy("bad", bad), policy("lonely", alone)].join(
        "\n---\n",
      );
      return server.kubectl(["apply", "--validate=false"], objects).catch(() => undefined);
    },
    20_000,
  );
  const conditionOf = async (name: string): Promise<string> =>
    server.kubectl([
      "get",
      "authorizationpolicies.policy.remora.dev",
      name,
      "-n",
      "shop",
      "-o",
      "jsonpath={range .status.conditions[*]}{.type} {.status} {.reason} {.observedGeneration} {.message}{end}",
    ]);
  const accepted = await eventually(
    "the good policy is accepted",
    async () => (await conditionOf("good")) || undefined,
    30_000,
  );
  assert.match(accepted, /^Accepted True Accepted 1 The policy is in force\./);
  const lonely = await eventually(
    "the policy that finds no pod is told so",
    async () => (await conditionOf("lonely")) || undefined,
    30_000,
  );
  const findsEvil = async (pattern: RegExp): Promise<boolean> =>
    pattern.test(await conditionOf("good"));
  const noEvil = /Effective False NoCaller 1 spec\.rules\[0\]\.from: there is no Namespace evil$/;
  await eventually("who is named is not there", () => findsEvil(noEvil), 30_000);
  await server.kubectl(["create", "namespace", "evil"]);
  await eventually("who is named is there now", () => findsEvil(/Effective True/), 30_000);
  assert.match(lonely, /^Accepted True .*Effective False NoPods 1 spec\.selector: finds no pod$/);
  const refused = await eventually(
    "the bad policy is refused",
    async () => (await conditionOf("bad")) || undefined,
    30_000,
  );
  assert.match(refused, /^Accepted False Invalid 1 spec\.rules\[0\]\.to\.paths\[0\]: "\/%61"/);
  for (const replica of replicas) {
    const policies = await policiesOf(replica);
    assert.deepEqual([...policies.keys()].sort(), ["shop/bad", "shop/good", "shop/lonely"]);
    // Its only rule cannot be read, so nobody is permitted anything.
    assert.deepEqual(policies.get("shop/bad"), { action: Action.ALLOW, rules: [] });
  }
});

test("a policy that is broken denies what it selects, at every replica and whenever that has started", async (context) => {
  await server.kubectl(["apply"], JSON.stringify(laxDefinition));
  const write = (spec: object): Promise<string | undefined> =>
    server
      .kubectl(["apply", "--validate=false"], policy("edited", JSON.stringify(spec)))
      .catch(() => undefined);
  const sound = { action: "Deny", rules: [{ from: { namespaces: ["evil"] } }] };
  await eventually("a sound policy is stored", () => write(sound), 20_000);
  const early = await startControl(context, "early");
  const rulesAt = async (replica: ControlFixture): Promise<Held | undefined> =>
    (await policiesOf(replica)).get("shop/edited");
  assert.equal((await rulesAt(early))?.rules[0]?.clauses[0]?.matches.length, 1);

  await write({ action: "Deny", rules: [{ form: { namespaces: ["evil"] } }] });
  const isClosed = async (replica: ControlFixture): Promise<boolean> => {
    const held = await rulesAt(replica);
    // A clause without matches matches everything.
    return held?.action === Action.DENY && held.rules[0]?.clauses[0]?.matches.length === 0;
  };
  await eventually("the early replica denies", () => isClosed(early));
  const late = await startControl(context, "late");
  assert.ok(await isClosed(late));
  for (const replica of [early, late]) {
    assert.match(await replica.metrics(), /manifest_problems\{severity="error"\} [1-9]/);
    const line = replica.logLines().find((one) => one.includes("shop/edited"));
    assert.match(line ?? "", /unknown field .*Until it is mended it denies everything\./);
  }
  await write(sound);
  await eventually("both have it back", async () =>
    (await Promise.all([early, late].map(isClosed))).every((closed) => !closed),
  );
});

type Held = Pick<Authorization, "action" | "rules">;

/** What a proxy that connects now is told, by name. */
async function policiesOf(replica: ControlFixture): Promise<ReadonlyMap<string, Held>> {
  const stream = replica.dial().stream();
  stream.send({ typeUrl: authorizationType, resourceNamesSubscribe: ["*"] });
  const { resources } = await stream.next();
  return new Map(
    resources.map(({ name, resource }) => {
      const { action, rules } = fromBinary(
        AuthorizationSchema,
        resource?.value ?? new Uint8Array(),
      );
      return [name, { action, rules }];
    }),
  );
}

/** One that lets everything pass, as an old one may: what is wrong with a policy is then for control to say. */
const laxDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "authorizationpolicies.policy.remora.dev" },
  spec: {
    group: "policy.remora.dev",
    scope: "Namespaced",
    names: { kind: "AuthorizationPolicy", plural: "authorizationpolicies" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    ],
  },
};

function policy(name: string, spec: string | undefined): string {
  const apiVersion = "policy.remora.dev/v1alpha1";
  return `apiVersion: ${apiVersion}\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}`;
}
