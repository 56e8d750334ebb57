/** The schemas of the policies at a real API server: what is taken, and what is refused with a sentence that helps. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { KubernetesError } from "../../src/kubernetes/kubernetes-error.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { eventually } from "../control/eventually.ts";
import { findGo, noGo } from "../support/go-judge.ts";

const paths = {
  AuthorizationPolicy: "/apis/policy.remora.dev/v1alpha1/namespaces/default/authorizationpolicies",
  MeshPolicy: "/apis/policy.remora.dev/v1alpha1/namespaces/default/meshpolicies",
};
type Kind = keyof typeof paths;

const to = (conditions: string, action = "Allow"): string =>
  `{action: ${action}, rules: [{to: {${conditions}}}]}`;
const from = (conditions: string): string => `{action: Deny, rules: [{from: {${conditions}}}]}`;

const taken: readonly [Kind, string][] = [
  ["AuthorizationPolicy", "{action: Allow}"],
  [
    "AuthorizationPolicy",
    "{action: Deny, audit: true, rules: [{}], selector: {matchLabels: {a: b}}}",
  ],
  [
    "AuthorizationPolicy",
    from("principals: ['*', 'spiffe://cluster.local/ns/a/sa/b', 'x/ns/*', '*/sa/b']"),
  ],
  ["AuthorizationPolicy", from("serviceAccounts: [a, b/c.d], notNamespaces: [a, 'a*', '*a', '*']")],
  [
    "AuthorizationPolicy",
    from("addresses: [10.0.0.1, 10.0.0.0/8, 'fd00::/64', '::1'], notAddresses: [0.0.0.0/0]"),
  ],
  ["AuthorizationPolicy", to("ports: [1, 65535], notPorts: [80]")],
  [
    "AuthorizationPolicy",
    to("hosts: [shop.example.com, '*.example.com', 'shop.*', '*', '[fd00::1]', Shop]"),
  ],
  ["AuthorizationPolicy", to("methods: [GET, M-SEARCH], notMethods: [DELETE]")],
  [
    "AuthorizationPolicy",
    to("paths: [/, /a, '/a/*', '*.css', '*', /a%20b, '/a%2Fb', '/pkg.S/M', /.well-known/x, /a...]"),
  ],
  [
    "AuthorizationPolicy",
    to("headers: [{name: X-Tenant, values: [a, 'b*', '*c', '*', 'a, b'], notValues: [d]}]"),
  ],
  [
    "AuthorizationPolicy",
    to("headers: [{name: x, present: false}, {name: y, present: true, values: [z]}]"),
  ],
  ["MeshPolicy", "{mtls: Strict}"],
  ["MeshPolicy", "{defaultAction: Deny, selector: {matchLabels: {a: b}}}"],
  ["MeshPolicy", "{ports: [{port: 80, mtls: Permissive}, {port: 81, defaultAction: Allow}]}"],
];

const refused: readonly [Kind, string, RegExp][] = [
  ["AuthorizationPolicy", "{}", /spec\.action: Required value/],
  [
    "AuthorizationPolicy",
    "{action: ALLOW}",
    /spec\.action: Unsupported value: "ALLOW": supported values: "Allow", "Deny"/,
  ],
  ["AuthorizationPolicy", "{action: Allow, rule: []}", /unknown field "spec\.rule"/],
  [
    "AuthorizationPolicy",
    to("path: [/a], ports: [80]"),
    /unknown field "spec\.rules\[0\]\.to\.path"/,
  ],
  [
    "AuthorizationPolicy",
    "{action: Allow, rules: [{from: {}}]}",
    /spec\.rules\[0\]\.from: Invalid value: .*should have at least 1 prop/,
  ],
  [
    "AuthorizationPolicy",
    from("principals: []"),
    /principals: Invalid value: .*should have at least 1 items/,
  ],
  ["AuthorizationPolicy", from("principals: [web]"), /from\.principals\[0\]: Invalid value: "web"/],
  [
    "AuthorizationPolicy",
    from("addresses: [10.0.0.0/33]"),
    /from\.addresses\[0\]: Invalid value: "10\.0\.0\.0\/33"/,
  ],
  ["AuthorizationPolicy", from("addresses: [300.0.0.1]"), /from\.addresses\[0\]: Invalid value/],
  ["AuthorizationPolicy", from("addresses: [web]"), /from\.addresses\[0\]: Invalid value/],
  ["AuthorizationPolicy", from("namespaces: ['a*b']"), /from\.namespaces\[0\]: Invalid value/],
  [
    "AuthorizationPolicy",
    to("ports: [0]"),
    /to\.ports\[0\]: Invalid value: 0: .*greater than or equal to 1/,
  ],
  [
    "AuthorizationPolicy",
    to("ports: ['80']"),
    /to\.ports\[0\]: Invalid value: "string": .*must be of type integer/,
  ],
  [
    "AuthorizationPolicy",
    "{action: Allow, selector: {matchLabels: {}}}",
    /matchLabels: Invalid value: .*at least 1 prop/,
  ],
  [
    "AuthorizationPolicy",
    to("hosts: ['a.b:80']"),
    /a host is a name like shop\.example\.com, .*without a port/,
  ],
  ["AuthorizationPolicy", to("hosts: ['http://a']"), /a host is a name like/],
  ["AuthorizationPolicy", to("methods: [get]"), /methods are written in capital letters, like GET/],
  ["AuthorizationPolicy", to("paths: [admin]"), /a path begins with "\/"/],
  [
    "AuthorizationPolicy",
    to("paths: ['/a*b']"),
    /a "\*" may stand only once, at the start or the end/,
  ],
  [
    "AuthorizationPolicy",
    to("paths: ['*/a/*']"),
    /a "\*" may stand only once, at the start or the end/,
  ],
  ["AuthorizationPolicy", to("paths: ['/a?b']"), /a path has no query/],
  ["AuthorizationPolicy", to("paths: ['/a;b']"), /no parameters/],
  ["AuthorizationPolicy", to("paths: ['/%2f']"), /capital hex digits/],
  ["AuthorizationPolicy", to("paths: ['/%']"), /capital hex digits/],
  ["AuthorizationPolicy", to("paths: ['/ä']"), /other characters are percent-encoded/],
  ["AuthorizationPolicy", to("paths: [/a//b]"), /without "\/\/" and without dot segments/],
  ["AuthorizationPolicy", to("paths: [/a/../b]"), /without dot segments/],
  ["AuthorizationPolicy", to("paths: ['/%61']"), /are not percent-encoded/],
  ["AuthorizationPolicy", to("paths: ['/%00']"), /control characters cannot be requested/],
  [
    "AuthorizationPolicy",
    to("headers: [{name: Host, values: [a]}]"),
    /hosts are compared by to\.hosts/,
  ],
  [
    "AuthorizationPolicy",
    to("headers: [{name: remora-client-id, present: true}]"),
    /cannot be a condition/,
  ],
  [
    "AuthorizationPolicy",
    to("headers: [{name: 'a b', present: true}]"),
    /not the name of a header/,
  ],
  ["AuthorizationPolicy", to("headers: [{name: x}]"), /needs values, notValues or present/],
  [
    "AuthorizationPolicy",
    to("headers: [{name: x, present: false, values: [a]}]"),
    /a header that is absent has no values/,
  ],
  [
    "AuthorizationPolicy",
    to("headers: [{name: x, values: ['a*b']}]"),
    /headers\[0\]\.values\[0\]: Invalid value: "a\*b"/,
  ],
  [
    "AuthorizationPolicy",
    `{action: Deny, rules: [${Array.from({ length: 65 }, () => "{}").join(", ")}]}`,
    /spec\.rules: Too many: 65: must have at most 64 items/,
  ],
  ["MeshPolicy", "{}", /a MeshPolicy needs mtls, defaultAction or ports/],
  [
    "MeshPolicy",
    "{selector: {matchLabels: {a: b}}}",
    /a MeshPolicy needs mtls, defaultAction or ports/,
  ],
  [
    "MeshPolicy",
    "{mtls: strict}",
    /spec\.mtls: Unsupported value: "strict": supported values: "Permissive", "Strict"/,
  ],
  ["MeshPolicy", "{mtls: Disabled}", /spec\.mtls: Unsupported value/],
  [
    "MeshPolicy",
    "{mtls: Strict, ports: [{port: 80}]}",
    /an entry for a port needs mtls or defaultAction/,
  ],
  [
    "MeshPolicy",
    "{ports: [{port: 80, mtls: Strict}, {port: 80, mtls: Permissive}]}",
    /spec\.ports\[1\]: Duplicate value: .*"port":80/,
  ],
];

describe("policies at the API server", { skip: findGo() === undefined ? noGo : false }, () => {
  let server: ApiServer;
  let client: KubernetesClient;
  before(async () => {
    server = await startApiServer();
    await server.kubectl(["apply", "-f", "charts/remora/definitions"]);
    await server.kubectl(["wait", "--for=condition=established", "--timeout=30s", "crd", "--all"]);
    client = createKubernetesClient({ kubeconfig: server.kubeconfig });
    const list = { method: "GET", path: paths.MeshPolicy } as const;
    await eventually("policies are served", () =>
      client.request(list).then(
        () => true,
        () => false,
      ),
    );
  });
  after(async () => {
    client?.close();
    await server?.close();
  });

  const create = async (kind: Kind, spec: string, dryRun = true): Promise<unknown> =>
    await client.request({
      method: "POST",
      path: paths[kind],
      query: { fieldValidation: "Strict", ...(dryRun ? { dryRun: "All" } : {}) },
      body: {
        apiVersion: "policy.remora.dev/v1alpha1",
        kind,
        metadata: { name: "p" },
        spec: parse(spec) as unknown,
      },
    });

  for (const [kind, spec] of taken) {
    test(`the ${kind} ${spec} is taken`, async () => {
      await create(kind, spec);
    });
  }
  for (const [kind, spec, sentence] of refused) {
    test(`the ${kind} ${spec.slice(0, 100)} is refused`, async () => {
      await assert.rejects(create(kind, spec), (error) => {
        assert.ok(error instanceof KubernetesError);
        assert.match(error.message, sentence);
        return true;
      });
    });
  }

  test("kubectl shows what matters, and a status is written apart from the policy", async () => {
    await create("AuthorizationPolicy", "{action: Deny, audit: true}", false);
    await create("MeshPolicy", "{mtls: Strict, defaultAction: Deny}", false);
    const condition = {
      type: "Accepted",
      status: "False",
      reason: "Invalid",
      message: "no",
      lastTransitionTime: "2026-11-26T00:00:00Z",
    };
    for (const kind of ["AuthorizationPolicy", "MeshPolicy"] as const) {
      await client.request({
        method: "PATCH",
        path: `${paths[kind]}/p/status`,
        contentType: "application/merge-patch+json",
        body: {
          spec: { action: "Allow", mtls: "Permissive" },
          status: { conditions: [condition] },
        },
      });
    }
    const authz = await server.kubectl(["get", "authz", "-o", "wide"]);
    assert.match(
      authz,
      /^NAME +ACTION +AUDIT +ACCEPTED +REASON +AGE\np +Deny +true +False +Invalid /,
    );
    const mesh = await server.kubectl(["get", "meshpol"]);
    assert.match(mesh, /^NAME +MTLS +DEFAULT +ACCEPTED +AGE\np +Strict +Deny +False /);
    const all = await server.kubectl(["get", "remora", "-o", "name"]);
    assert.equal(all.split("\n").filter((line) => line !== "").length, 2);
  });
});
