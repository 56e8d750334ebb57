import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, Service } from "../../api/kubernetes.ts";
import type {
  AuthorizationPeers,
  AuthorizationPolicy,
  MeshPolicy,
} from "../../api/policy-kinds.ts";
import { checkPolicy } from "./check-policy.ts";

const apiVersion = "policy.remora.dev/v1alpha1";
const metadata = { name: "p", namespace: "shop" };
const authorization = (spec: AuthorizationPolicy["spec"]): AuthorizationPolicy => ({
  apiVersion,
  kind: "AuthorizationPolicy",
  metadata,
  spec,
});
const mesh = (spec: MeshPolicy["spec"], namespace = "shop"): MeshPolicy => ({
  apiVersion,
  kind: "MeshPolicy",
  metadata: { name: "p", namespace },
  spec,
});
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "db", namespace: "shop", labels: { app: "db" } },
  spec: {
    containers: [
      {
        name: "db",
        ports: [
          { name: "main", containerPort: 5432 },
          { name: "http-metrics", containerPort: 9187 },
        ],
      },
    ],
  },
};
const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "db", namespace: "shop" },
  spec: {
    selector: { app: "db" },
    ports: [{ port: 1, targetPort: "main", appProtocol: "postgres" }],
  },
};
const surroundings = { pods: [pod], services: [service], rootNamespace: "remora-system" };
const reasons = (policy: AuthorizationPolicy | MeshPolicy): (readonly string[])[] =>
  checkPolicy(policy, surroundings).map(({ code, reason }) => [code, reason]);

test("what a policy's shape is wrong in is an error, and hides what follows from it", () => {
  const wrong = { action: "Allow", rules: [{ from: { adresses: ["10.0.0.0/8"] } }] };
  const spec = {
    ...wrong,
    selector: { matchLabels: { app: "none" } },
  } as AuthorizationPolicy["spec"];
  const problems = checkPolicy(authorization(spec), surroundings);
  assert.deepEqual(
    problems.map(({ severity, code, reason, hint }) => [severity, code, reason, hint]),
    [
      [
        "error",
        "Invalid",
        'spec.rules[0].from: unknown field "adresses"',
        "did you mean addresses?",
      ],
    ],
  );
});

test("a policy that is about no pod is worth a warning", () => {
  const selector = { matchLabels: { app: "web" } };
  assert.deepEqual(reasons(authorization({ action: "Deny", selector })), [
    ["NoPods", "spec.selector: finds no pod"],
  ]);
  assert.deepEqual(reasons(mesh({ mtls: "Strict" }, "empty")), [
    ["NoPods", "there is no pod that it is about"],
  ]);
  assert.deepEqual(reasons(mesh({ mtls: "Strict" }, "remora-system")), []);
  assert.deepEqual(checkPolicy(authorization({ action: "Deny", selector }), undefined), []);
});

test("a rule about requests that reaches a port of bytes is worth a warning", () => {
  const paths = ["/admin"];
  const about = (action: "Allow" | "Deny", to: object) =>
    reasons(authorization({ action, rules: [{ to: { paths, ...to } }] }));
  const says = (effect: string) => [
    [
      "NotHttp",
      `spec.rules[0].to: is about HTTP requests, and port 5432 of shop/db is declared as tcp, so the rule ${effect} there`,
    ],
  ];
  assert.deepEqual(about("Deny", {}), says("keeps everything out"));
  assert.deepEqual(about("Allow", { ports: [5432] }), says("lets nothing in"));
  assert.deepEqual(about("Allow", {}), []);
  assert.deepEqual(about("Deny", { ports: [9187] }), []);
  assert.deepEqual(about("Deny", { notPorts: [5432] }), []);
  assert.deepEqual(
    reasons(authorization({ action: "Deny", rules: [{ to: { ports: [5432] } }] })),
    [],
  );
});

test("a rule that names somebody who is not there is worth a warning", () => {
  const callers = {
    trustDomain: "cluster.local",
    namespaces: new Set(["shop"]),
    serviceAccounts: new Set(["shop/web"]),
  };
  const says = (from: AuthorizationPeers): string[] => {
    const policy = authorization({ action: "Allow", rules: [{ from }] });
    return checkPolicy(policy, { ...surroundings, callers }).map(({ code, reason }) => {
      return `${code} ${reason}`;
    });
  };
  const missing = (what: string) => [`NoCaller spec.rules[0].from: there is no ${what}`];
  assert.deepEqual(says({ namespaces: ["shop", "shpo"] }), missing("Namespace shpo"));
  assert.deepEqual(says({ notNamespaces: ["shpo"] }), missing("Namespace shpo"));
  assert.deepEqual(says({ serviceAccounts: ["web", "shop/web"] }), []);
  assert.deepEqual(says({ serviceAccounts: ["wbe"] }), missing("ServiceAccount shop/wbe"));
  assert.deepEqual(says({ principals: ["cluster.local/ns/shop/sa/web"] }), []);
  assert.deepEqual(
    says({ principals: ["spiffe://cluster.local/ns/shop/sa/wbe"], namespaces: ["shpo"] }),
    missing("Namespace shpo, no ServiceAccount shop/wbe"),
  );
  for (const elsewhere of ["*", "*/sa/wbe", "cluster.local/ns/shpo/*", "other.domain/ns/a/sa/b"]) {
    assert.deepEqual(says({ principals: [elsewhere] }), [], elsewhere);
  }
  const policy = authorization({ action: "Allow", rules: [{ from: { namespaces: ["shpo"] } }] });
  assert.deepEqual(checkPolicy(policy, surroundings), [], "nobody knows who there is");
});
