import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  EndpointSlice,
  MeshObject,
  Pod,
  Service,
  SliceEndpoint,
} from "../../api/kubernetes.ts";
import { decodeAddress } from "../../api/wire/workload.ts";
import type { Workload } from "../../api/workload.ts";
import { addressLookup } from "../xds/lookup.ts";
import { MeshModel } from "./mesh-model.ts";
import { byKey } from "./object-delta.ts";
import type { MeshSnapshot } from "./snapshot.ts";

const config = {
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  rootNamespace: "remora-system",
};
const hostname = "web.shop.svc.cluster.local";
const serviceKey = `shop/${hostname}`;

interface PodWish {
  /** Of its containers the kubelet last said that they are ready. */
  readonly unheard?: boolean;
  readonly uid?: string;
  readonly account?: string;
  readonly since?: string;
  readonly leaving?: boolean;
  readonly phase?: string;
  readonly ready?: boolean;
  readonly hostNetwork?: boolean;
  readonly node?: string;
}

function pod(name: string, ips: string | readonly string[], wish: PodWish = {}): Pod {
  const { uid = `uid-${name}`, account = name, since, phase = "Running", ready = true } = wish;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      uid,
      labels: { app: "web" },
      annotations: { "remora.dev/injected": "1" },
      ...(wish.leaving === true ? { deletionTimestamp: "2030-01-01T00:00:00Z" } : {}),
    },
    spec: {
      serviceAccountName: account,
      containers: [],
      ...(wish.hostNetwork === true ? { hostNetwork: true } : {}),
      ...(wish.node === undefined ? {} : { nodeName: wish.node }),
    },
    status: {
      podIPs: [ips].flat().map((ip) => ({ ip })),
      phase,
      ...(since === undefined ? {} : { startTime: since }),
      conditions: [
        { type: "Ready", status: ready ? "True" : "False" },
        { type: "ContainersReady", status: ready || wish.unheard === true ? "True" : "False" },
      ],
    },
  };
}

function service(spec: Partial<Service["spec"]> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "shop", uid: "uid-service" },
    spec: { clusterIP: "10.1.0.1", ports: [{ name: "http", port: 80 }], ...spec },
  };
}

/** One whose slices follow the readiness of its pods. */
const selecting = service({ selector: { app: "web" } });

function slice(name: string, ...endpoints: SliceEndpoint[]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace: "shop",
      labels: { "kubernetes.io/service-name": "web" },
    },
    addressType: "IPv4",
    endpoints,
    ports: [{ name: "http", port: 8080 }],
  };
}

function endpoint(name: string, ip: string, conditions: SliceEndpoint["conditions"] = {}) {
  return { addresses: [ip], conditions, targetRef: { kind: "Pod", name, uid: `uid-${name}` } };
}

function createModel(...objects: MeshObject[]) {
  const model = new MeshModel(config, "slices");
  return { model, snapshot: model.apply(byKey(objects)) };
}

/** What a proxy that asks for the key is told of workloads. */
function workloads(snapshot: MeshSnapshot, key: string): Workload[] {
  return addressLookup(snapshot)
    .resolve(key)
    .map(({ body }) => decodeAddress(body))
    .filter((address) => address.kind === "workload");
}

const members = (snapshot: MeshSnapshot) =>
  workloads(snapshot, serviceKey).map(({ name, healthy }) => `${name}${healthy ? "" : "!"}`);

const accountAt = (snapshot: MeshSnapshot, ip: string) =>
  workloads(snapshot, `/${ip}`).map(({ serviceAccount }) => serviceAccount);

test("the endpoints of slices are a service's members, with the ports that they say", () => {
  const { snapshot } = createModel(
    service(),
    pod("a", "10.0.0.1"),
    pod("b", "10.0.0.2"),
    slice("web-1", endpoint("a", "10.0.0.1")),
  );
  assert.deepEqual(members(snapshot), ["a"]);
  const [own] = workloads(snapshot, "/10.0.0.1");
  assert.deepEqual(own?.services.get(serviceKey), [
    { servicePort: 80, targetPort: 8080, protocol: "http1" },
  ]);
  assert.equal(workloads(snapshot, "/10.0.0.2")[0]?.services.size, 0);
});

test("objects that come in any order make the same mesh", () => {
  const objects = [
    service(),
    pod("a", ["10.0.0.1", "fd00::1"]),
    slice("web-1", endpoint("a", "10.0.0.1")),
    { ...slice("web-2", endpoint("a", "fd00::1")), addressType: "IPv6" },
  ];
  for (const order of permutations(objects)) {
    const model = new MeshModel(config, "slices");
    let snapshot = model.apply(new Map());
    for (const object of order) snapshot = model.apply(byKey([object]));
    assert.deepEqual(members(snapshot), ["a"]);
    assert.deepEqual(accountAt(snapshot, "fd00::1"), ["a"]);
    for (const object of order) {
      const [key = ""] = byKey([object]).keys();
      snapshot = model.apply(new Map([[key, undefined]]));
    }
    assert.deepEqual([...addressLookup(snapshot).all()], [], "nothing stays");
  }
});

test("readiness: what the slice says, unless the pod is not ready or on its way out", () => {
  const notReady = { ready: false, serving: true, terminating: true };
  const { snapshot } = createModel(
    service(),
    pod("a", "10.0.0.1"),
    pod("b", "10.0.0.2"),
    pod("c", "10.0.0.3", { ready: false }),
    pod("d", "10.0.0.4", { leaving: true }),
    slice(
      "web-1",
      endpoint("a", "10.0.0.1"),
      endpoint("b", "10.0.0.2", notReady),
      endpoint("c", "10.0.0.3"),
      endpoint("d", "10.0.0.4"),
    ),
  );
  assert.deepEqual(members(snapshot), ["a", "b!", "c!", "d!"]);
});

test("pods whose nodes were not heard of serve on until another of the service is ready", () => {
  const unready = { ready: false, serving: false };
  const { model, snapshot } = createModel(
    service(),
    pod("a", "10.0.0.1", { ready: false, unheard: true }),
    pod("b", "10.0.0.2", { ready: false }),
    slice("web-1", endpoint("a", "10.0.0.1", unready), endpoint("b", "10.0.0.2", unready)),
  );
  assert.deepEqual(members(snapshot), ["a", "b!"], "its own probes say that b is not ready");
  const back = [
    pod("b", "10.0.0.2"),
    slice("web-1", endpoint("a", "10.0.0.1", unready), endpoint("b", "10.0.0.2")),
  ];
  assert.deepEqual(members(model.apply(byKey(back))).sort(), ["a!", "b"]);
});

test("a ready pod whose slice says otherwise serves on until another of the service is ready", () => {
  const unready = { ready: false, serving: false };
  const { model, snapshot } = createModel(
    selecting,
    pod("a", "10.0.0.1"),
    pod("b", "10.0.0.2", { ready: false }),
    slice("web-1", endpoint("a", "10.0.0.1", unready), endpoint("b", "10.0.0.2", unready)),
  );
  assert.deepEqual(members(snapshot), ["a", "b!"], "one watch is ahead of the other");
  const back = [
    pod("b", "10.0.0.2"),
    slice("web-1", endpoint("a", "10.0.0.1", unready), endpoint("b", "10.0.0.2")),
  ];
  assert.deepEqual(members(model.apply(byKey(back))).sort(), ["a!", "b"]);
});

test("no pod of a cluster whose nodes are heard of again is missing meanwhile, whatever is told first", () => {
  const unready = { ready: false, serving: false };
  const well = [pod("a", "10.0.0.1"), slice("web-1", endpoint("a", "10.0.0.1"))];
  const [podWell, sliceWell] = well;
  const podUnheard = pod("a", "10.0.0.1", { ready: false, unheard: true });
  const sliceUnready = slice("web-1", endpoint("a", "10.0.0.1", unready));
  const orders = [
    [podUnheard, sliceUnready, podWell, sliceWell],
    [podUnheard, sliceUnready, sliceWell, podWell],
    [sliceUnready, podUnheard, podWell, sliceWell],
    [sliceUnready, podUnheard, sliceWell, podWell],
    [podUnheard, podWell, sliceUnready, sliceWell],
    [sliceUnready, sliceWell, podUnheard, podWell],
  ];
  for (const order of orders) {
    const { model } = createModel(selecting, ...well);
    for (const [step, object] of order.entries()) {
      assert.ok(object);
      const now = members(model.apply(byKey([object])));
      assert.deepEqual(now, ["a"], `step ${step} of ${orders.indexOf(order)}`);
    }
  }
});

test("whoever keeps the slices of a service without a selector is believed", () => {
  const { snapshot } = createModel(
    service(),
    pod("a", "10.0.0.1"),
    slice("web-1", endpoint("a", "10.0.0.1", { ready: false })),
  );
  assert.deepEqual(members(snapshot), ["a!"]);
});

test("a pod that is being ended serves on until another of the service is ready", () => {
  const leaving = pod("a", "10.0.0.1", { leaving: true });
  const draining = { ready: false, serving: true, terminating: true };
  const { model, snapshot } = createModel(
    service(),
    leaving,
    pod("b", "10.0.0.2"),
    slice("web-1", endpoint("a", "10.0.0.1")),
    slice("web-2", endpoint("b", "10.0.0.2", { ready: false })),
  );
  assert.deepEqual(members(snapshot), ["a", "b!"], "the slice does not know yet");
  const told = model.apply(byKey([slice("web-1", endpoint("a", "10.0.0.1", draining))]));
  assert.deepEqual(members(told), ["a", "b!"]);
  const replaced = model.apply(byKey([slice("web-2", endpoint("b", "10.0.0.2"))]));
  assert.deepEqual(members(replaced).sort(), ["a!", "b"]);
  const alone = model.apply(new Map([["EndpointSlice shop/web-2", undefined]]));
  assert.deepEqual(members(alone), ["a"]);
  const unready = pod("a", "10.0.0.1", { leaving: true, ready: false });
  assert.deepEqual(members(model.apply(byKey([unready]))), ["a!"]);
});

test("a pod that one service takes for ready and another not serves the one", () => {
  const other: Service = { ...service(), metadata: { name: "api", namespace: "shop" } };
  const label = { "kubernetes.io/service-name": "api" };
  const { snapshot } = createModel(
    service(),
    other,
    pod("a", "10.0.0.1"),
    slice("web-1", endpoint("a", "10.0.0.1")),
    {
      ...slice("api-1", endpoint("a", "10.0.0.1", { ready: false })),
      metadata: { name: "api-1", namespace: "shop", labels: label },
    },
  );
  const [own] = workloads(snapshot, "/10.0.0.1");
  assert.deepEqual([...(own?.services.keys() ?? [])], [serviceKey]);
  assert.equal(own?.healthy, true);
});

test("endpoints that are no pods are members without identity, and a pod's address is the pod", () => {
  const { model, snapshot } = createModel(
    service(),
    slice("web-1", { addresses: ["192.0.2.1"] }, { addresses: ["10.0.0.1"] }),
  );
  const told = workloads(snapshot, serviceKey);
  assert.deepEqual(
    told.map(({ hbone, addresses }) => [hbone, ...addresses]),
    [
      [false, "192.0.2.1"],
      [false, "10.0.0.1"],
    ],
  );
  assert.deepEqual(accountAt(snapshot, "192.0.2.1"), [], "an address outside is not the mesh's");
  const withPod = model.apply(byKey([pod("a", "10.0.0.1")]));
  assert.deepEqual(
    workloads(withPod, serviceKey).map(({ serviceAccount, hbone }) => [serviceAccount, hbone]),
    [
      ["default", false],
      ["a", true],
    ],
  );
  const without = model.apply(new Map([["Pod shop/a", undefined]]));
  assert.deepEqual(workloads(without, serviceKey).length, 2);
});

test("a slice of names, of no service, or of a pod that is another by now says nothing", () => {
  const { snapshot } = createModel(
    service(),
    pod("a", "10.0.0.1", { uid: "another" }),
    pod("b", "10.0.0.2"),
    slice("web-1", endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.99")),
    { ...slice("web-2", { addresses: ["example.com"] }), addressType: "FQDN" },
    { ...slice("lost", endpoint("b", "10.0.0.2")), metadata: { name: "lost", namespace: "shop" } },
  );
  assert.deepEqual(members(snapshot), []);
});

test("pods of the host's network are members and not found by address", () => {
  const { snapshot } = createModel(
    service(),
    pod("a", "192.0.2.7", { hostNetwork: true }),
    pod("b", "192.0.2.7", { hostNetwork: true }),
    slice("web-1", endpoint("a", "192.0.2.7")),
  );
  assert.deepEqual(members(snapshot), ["a"]);
  assert.deepEqual(accountAt(snapshot, "192.0.2.7"), []);
});

test("a workload is in its node's zone, whichever is known first", () => {
  const labels = { "topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r" };
  const node: MeshObject = { apiVersion: "v1", kind: "Node", metadata: { name: "n", labels } };
  const { model, snapshot } = createModel(pod("a", "10.0.0.1", { node: "n" }));
  const before = snapshot.workloads.get("uid-a")?.resource.version;
  const after = model.apply(byKey([node]));
  assert.notEqual(after.workloads.get("uid-a")?.resource.version, before);
  const { snapshot: other } = createModel(node, pod("a", "10.0.0.1", { node: "n" }));
  const [one, two] = [after, other].map((each) => each.workloads.get("uid-a")?.resource.version);
  assert.equal(one, two);
});

const moves: Readonly<Record<string, readonly (readonly [string, Pod | undefined])[]>> = {
  "the old pod is deleted first": [
    ["Pod shop/old", undefined],
    ["Pod shop/new", pod("new", "10.0.0.1")],
  ],
  "the old pod's deletion comes late": [
    ["Pod shop/new", pod("new", "10.0.0.1")],
    ["Pod shop/old", undefined],
  ],
  "the old pod is changed once more before its late deletion": [
    ["Pod shop/new", pod("new", "10.0.0.1")],
    ["Pod shop/old", pod("old", "10.0.0.1", { ready: false })],
    ["Pod shop/old", undefined],
  ],
  "the old pod is on its way out, and stays there": [
    ["Pod shop/old", pod("old", "10.0.0.1", { leaving: true })],
    ["Pod shop/new", pod("new", "10.0.0.1")],
    ["Pod shop/old", pod("old", "10.0.0.1", { leaving: true, ready: false })],
  ],
  "the old pod has finished, and stays": [
    ["Pod shop/old", pod("old", "10.0.0.1", { phase: "Succeeded" })],
    ["Pod shop/new", pod("new", "10.0.0.1")],
  ],
  "the new pod was made before the old one and waited": [
    ["Pod shop/new", pod("new", [], { since: "2029-01-01T00:00:00Z" })],
    ["Pod shop/new", pod("new", "10.0.0.1", { since: "2029-01-01T00:00:00Z" })],
    ["Pod shop/old", undefined],
  ],
};
for (const [how, steps] of Object.entries(moves)) {
  test(`an address that moved is never told under the old identity: ${how}`, () => {
    const old = pod("old", "10.0.0.1", { since: "2030-01-01T00:00:00Z" });
    const { model, snapshot } = createModel(
      service(),
      old,
      slice("web-1", endpoint("old", "10.0.0.1"), endpoint("new", "10.0.0.1")),
    );
    assert.deepEqual(accountAt(snapshot, "10.0.0.1"), ["old"]);
    let moved = false;
    for (const [key, object] of steps) {
      const now = model.apply(new Map([[key, object]]));
      moved ||= key === "Pod shop/new" && object?.status?.podIPs?.length === 1;
      if (!moved) continue;
      assert.deepEqual(accountAt(now, "10.0.0.1"), ["new"]);
      assert.deepEqual(members(now), ["new"], "nor as a member of the service");
      assert.deepEqual(workloads(now, "uid-old"), [], "nor under its own name");
    }
    assert.ok(moved);
  });
}

test("of two pods that a list names with one address the younger has it", () => {
  const objects = [
    pod("old", "10.0.0.1", { since: "2029-12-31T23:59:59Z" }),
    pod("new", "10.0.0.1", { since: "2030-01-01T00:00:00Z" }),
  ];
  for (const order of permutations(objects)) {
    assert.deepEqual(accountAt(createModel(...order).snapshot, "10.0.0.1"), ["new"]);
  }
});

test("a pod that comes back under its name with the same address is another one", () => {
  const { model } = createModel(pod("a", "10.0.0.1"));
  const now = model.apply(byKey([pod("a", "10.0.0.1", { uid: "second", account: "other" })]));
  assert.deepEqual(accountAt(now, "10.0.0.1"), ["other"]);
  assert.equal(now.workloads.has("uid-a"), false);
  assert.deepEqual(now.changed, new Set(["/10.0.0.1", "uid-a", "second"]));
});

test("the address of a service goes over to its successor, however late the old one is deleted", () => {
  const next: Service = { ...service(), metadata: { name: "next", namespace: "shop", uid: "n" } };
  const { model } = createModel(service());
  const both = model.apply(byKey([next]));
  const [resource] = addressLookup(both).resolve("/10.1.0.1");
  const address = resource && decodeAddress(resource.body);
  assert.equal(address?.kind === "service" && address.name, "next");
  const one = model.apply(new Map([["Service shop/web", undefined]]));
  assert.equal(addressLookup(one).resolve("/10.1.0.1").length, 1);
});

test("a change names the keys that lead to it, and no others", () => {
  const { model } = createModel(
    service(),
    pod("a", "10.0.0.1"),
    pod("b", "10.0.0.2"),
    slice("web-1", endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")),
  );
  const { changed } = model.apply(byKey([pod("a", "10.0.0.1", { ready: false })]));
  assert.deepEqual(changed, new Set(["uid-a", "/10.0.0.1", serviceKey, "/10.1.0.1"]));
  assert.deepEqual(model.apply(byKey([pod("a", "10.0.0.1", { ready: false })])).changed, new Set());
});

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}
