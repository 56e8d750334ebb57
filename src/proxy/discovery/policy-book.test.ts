import assert from "node:assert/strict";
import { test } from "node:test";
import type { Authorization, PolicyScope } from "../../api/authorization.ts";
import type { Workload } from "../../api/workload.ts";
import { PolicyBook } from "./policy-book.ts";

const policy = (name: string, scope: PolicyScope, namespace = "shop"): Authorization => ({
  name,
  namespace,
  scope,
  action: "allow",
  rules: [],
  dryRun: false,
});

const own = (...authorizationPolicies: string[]): Workload => ({
  kind: "workload",
  uid: "uid",
  name: "a",
  workloadName: "a",
  namespace: "shop",
  addresses: ["10.0.0.1"],
  hbone: true,
  remora: true,
  trustDomain: "cluster.local",
  serviceAccount: "web",
  hostNetwork: false,
  healthy: true,
  authorizationPolicies,
  services: new Map(),
});

function openBook(...policies: Authorization[]): PolicyBook {
  const book = new PolicyBook("shop");
  for (const each of policies) book.put(`${each.namespace}/${each.name}`, "1", each);
  book.told();
  book.setOwn(own());
  book.publish();
  return book;
}

const inForce = (book: PolicyBook): string[] =>
  book.snapshots.current().policies.map(({ name }) => name);

test("nothing is loaded before both the policies and the pod itself are known", () => {
  const book = new PolicyBook("shop");
  book.publish();
  assert.equal(book.snapshots.current().loaded, false);
  book.told();
  book.publish();
  assert.equal(book.snapshots.current().loaded, false);
  book.setOwn(own());
  book.publish();
  assert.equal(book.snapshots.current().loaded, true);
});

test("global policies, those of the namespace and those that the pod names are in force", () => {
  const book = openBook(
    policy("g", "global", "remora-system"),
    policy("n", "namespace"),
    policy("other", "namespace", "other"),
    policy("named", "workload"),
    policy("not-named", "workload"),
  );
  assert.deepEqual(inForce(book), ["g", "n"]);
  book.setOwn(own("shop/named"));
  book.publish();
  assert.deepEqual(inForce(book), ["g", "n", "named"]);
});

test("a policy that the pod names and that was never told is missing until it comes", () => {
  const book = openBook();
  book.setOwn(own("shop/p"));
  book.publish();
  assert.deepEqual(book.snapshots.current().missing, ["shop/p"]);
  book.put("shop/p", "1", policy("p", "workload"));
  book.publish();
  assert.deepEqual(book.snapshots.current().missing, []);
});

test("a policy that was taken back is not missing, though the pod still names it for a moment", () => {
  const book = openBook(policy("p", "workload"));
  book.setOwn(own("shop/p"));
  book.publish();
  book.remove("shop/p");
  book.publish();
  assert.deepEqual(book.snapshots.current().missing, []);
  book.setOwn(own());
  book.setOwn(own("shop/p"));
  book.publish();
  assert.deepEqual(book.snapshots.current().missing, ["shop/p"]);
});

test("a policy that cannot be read is missing unless an older version is held", () => {
  const book = openBook(policy("old", "namespace"));
  book.refuse("shop/old");
  book.refuse("shop/new");
  book.publish();
  assert.deepEqual(inForce(book), ["old"]);
  assert.deepEqual(book.snapshots.current().missing, ["shop/new"]);
  book.remove("shop/new");
  book.publish();
  assert.deepEqual(book.snapshots.current().missing, []);
});

test("only a change of what is in force is announced", () => {
  const book = openBook(policy("n", "namespace"));
  let heard = 0;
  book.snapshots.subscribe(() => (heard += 1));
  book.publish();
  book.setOwn(own());
  book.put("other/x", "1", policy("x", "namespace", "other"));
  book.publish();
  assert.equal(heard, 0);
  book.put("shop/n", "2", policy("n", "namespace"));
  book.publish();
  assert.equal(heard, 1);
});
