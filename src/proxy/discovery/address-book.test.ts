import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshService, PortMapping, Workload } from "../../api/workload.ts";
import { AddressBook } from "./address-book.ts";
import type { Destination } from "./destination.ts";

const webKey = "shop/web.shop.svc.cluster.local";
const port80: PortMapping = { servicePort: 80, targetPort: 8080, protocol: "http1" };

const web: MeshService = {
  kind: "service",
  name: "web",
  namespace: "shop",
  hostname: "web.shop.svc.cluster.local",
  addresses: ["10.1.0.1"],
  ports: [port80],
  allowUnhealthy: false,
};

function pod(name: string, ip: string, change: Partial<Workload> = {}): Workload {
  return {
    kind: "workload",
    uid: `uid-${name}`,
    name,
    workloadName: "web",
    namespace: "shop",
    addresses: [ip],
    hbone: true,
    remora: true,
    trustDomain: "cluster.local",
    serviceAccount: "web",
    hostNetwork: false,
    healthy: true,
    authorizationPolicies: [],
    services: new Map([[webKey, [port80]]]),
    ...change,
  };
}

/** What the control plane answers to a question for the service's address. */
function webBook(...pods: Workload[]): AddressBook {
  const book = new AddressBook();
  book.put("/10.1.0.1", "1", web);
  for (const workload of pods) book.put(workload.uid, "1", workload);
  return book;
}

const endpointsOf = (destination: Destination | undefined): string[] => {
  assert.ok(destination?.kind === "service");
  return destination.endpoints.map(({ ip, port }) => `${ip}:${port}`);
};

test("a service's address leads to its healthy pods at their own ports", () => {
  const book = webBook(
    pod("a", "10.0.0.1"),
    pod("b", "10.0.0.2", { healthy: false }),
    pod("c", "10.0.0.3", { services: new Map([[webKey, [{ ...port80, targetPort: 9090 }]]]) }),
  );
  assert.deepEqual(endpointsOf(book.destination("10.1.0.1", 80)), [
    "10.0.0.1:8080",
    "10.0.0.3:9090",
  ]);
  assert.deepEqual(book.destination("10.1.0.1", 81), { kind: "unknown" });
});

test("an endpoint has the tunnel and the identity of its pod", () => {
  const book = webBook(
    pod("a", "10.0.0.1"),
    pod("b", "10.0.0.2", { remora: false }),
    pod("c", "10.0.0.3", { remora: false, hbone: false }),
  );
  const destination = book.destination("10.1.0.1", 80);
  assert.ok(destination?.kind === "service");
  const id = "spiffe://cluster.local/ns/shop/sa/web";
  assert.deepEqual(
    destination.endpoints.map(({ tunnel, identity }) => [tunnel, identity]),
    [
      ["mesh", id],
      ["hbone", id],
      ["none", undefined],
    ],
  );
});

test("nothing is known before the answer, and an address outside the mesh is unknown after it", () => {
  const book = new AddressBook();
  assert.equal(book.destination("10.9.9.9", 80), undefined);
  book.remove("/10.9.9.9");
  assert.deepEqual(book.destination("10.9.9.9", 80), { kind: "unknown" });
  book.put("/10.9.9.9", "1", pod("a", "10.9.9.9"));
  assert.equal(book.destination("10.9.9.9", 80)?.kind, "workload");
});

test("a destination stays the same object until something in it changes", () => {
  const book = webBook(pod("a", "10.0.0.1"), pod("b", "10.0.0.2"));
  const first = book.destination("10.1.0.1", 80);
  book.put("/10.5.5.5", "1", pod("x", "10.5.5.5", { services: new Map() }));
  assert.equal(book.destination("10.1.0.1", 80), first);
  book.put("uid-b", "2", pod("b", "10.0.0.2", { healthy: false }));
  const second = book.destination("10.1.0.1", 80);
  assert.ok(first?.kind === "service" && second?.kind === "service");
  assert.notEqual(second.endpoints, first.endpoints);
  assert.equal(second.endpoints[0], first.endpoints[0], "an endpoint that stayed is the same");
});

test("a pod that comes back at its address is another endpoint", () => {
  const book = webBook(pod("a", "10.0.0.1"));
  const first = book.destination("10.1.0.1", 80);
  book.remove("uid-a");
  book.put("uid-a2", "1", pod("a2", "10.0.0.1"));
  const second = book.destination("10.1.0.1", 80);
  assert.ok(first?.kind === "service" && second?.kind === "service");
  assert.notEqual(second.endpoints[0], first.endpoints[0]);
});

test("a pod that is known by its address too stays a member when its other name goes", () => {
  const book = webBook(pod("a", "10.0.0.1"));
  book.put("/10.0.0.1", "1", pod("a", "10.0.0.1"));
  book.remove("/10.0.0.1");
  assert.deepEqual(endpointsOf(book.destination("10.1.0.1", 80)), ["10.0.0.1:8080"]);
  book.remove("uid-a");
  assert.deepEqual(endpointsOf(book.destination("10.1.0.1", 80)), []);
});

test("a pod that leaves the service is no endpoint of it any more", () => {
  const book = webBook(pod("a", "10.0.0.1"));
  book.put("uid-a", "2", pod("a", "10.0.0.1", { services: new Map() }));
  assert.deepEqual(endpointsOf(book.destination("10.1.0.1", 80)), []);
});

test("a pod that is dialled by its address has the protocol that its service declares", () => {
  const book = new AddressBook();
  book.put("/10.0.0.1", "1", pod("a", "10.0.0.1"));
  const known = book.destination("10.0.0.1", 8080);
  assert.equal(known?.kind === "workload" && known.protocol, "http1");
  const other = book.destination("10.0.0.1", 22);
  assert.equal(other?.kind === "workload" && other.protocol, undefined);
});

test("pods of the host's network are not found by its address", () => {
  const book = new AddressBook();
  book.put("/10.0.0.1", "1", pod("a", "10.0.0.1", { hostNetwork: true }));
  assert.deepEqual(book.destination("10.0.0.1", 80), { kind: "unknown" });
});

test("a forgotten service takes the pods with it that only it led to", () => {
  const book = webBook(pod("a", "10.0.0.1"), pod("b", "10.0.0.2"));
  book.put("/10.0.0.2", "1", pod("b", "10.0.0.2"));
  book.forget("/10.1.0.1");
  assert.equal(book.destination("10.1.0.1", 80), undefined);
  assert.deepEqual(Array.from(book.versions().keys()), ["/10.0.0.2"]);
});

test("pods that come and go leave nothing behind", () => {
  const book = webBook();
  for (let index = 0; index < 100; index += 1) {
    book.put(`uid-p${index}`, "1", pod(`p${index}`, "10.0.0.1"));
    book.remove(`uid-p${index}`);
  }
  assert.equal(book.size, 1);
  assert.equal(book.knows("uid-p0"), false);
});

test("an address tells once that it was used", () => {
  const book = webBook(pod("a", "10.0.0.1"));
  book.destination("10.1.0.1", 80);
  assert.equal(book.takeUsed("10.1.0.1"), true);
  assert.equal(book.takeUsed("10.1.0.1"), false);
});
