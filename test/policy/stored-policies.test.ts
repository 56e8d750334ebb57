/** What the API server has stored, control can read: the schemas are nowhere laxer than the check that closes what it does not understand. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type PolicyKind, readPolicy } from "../../src/control/kubernetes/policy-record.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { KubernetesError } from "../../src/kubernetes/kubernetes-error.ts";
import type { RawObject } from "../../src/kubernetes/raw-object.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { eventually } from "../control/eventually.ts";
import { findGo, noGo } from "../support/go-judge.ts";

const group = "/apis/policy.remora.dev/v1alpha1/namespaces/default";
const plurals = { AuthorizationPolicy: "authorizationpolicies", MeshPolicy: "meshpolicies" };

/** Near misses of every syntax that a field of a policy has, and what no field has. */
const texts: readonly string[] = [
  ..."* ** a A a* *a *a* a*b - -a a- a.b a..b .a a. a_b a/b a/b/c / // a/ /a ä ' ` \"".split(" "),
  ..."spiffe:// spiffe://* spiffe://a/ns/b/sa/c a/ns/b/sa/c A/ns/b/sa/c a/ns/b/sa/c/d".split(" "),
  ..."a/ns//sa/c a/ns/b/sa/ a/ns/ä/sa/c /ns/b/sa/c a/ns/b/sa/* */sa/c spiffe://a/ns/*".split(" "),
  ..."spiffe://*/sa/a a:1/ns/b/sa/c -/ns/b/sa/c ./ns/b/sa/c a/ns/../sa/c 10.0.0.1".split(" "),
  ..."010.0.0.1 10.0.0 10.0.0.256 10.0.0.1/ 10.0.0.1/8 10.0.0.1/08 10.0.0.1/33".split(" "),
  ..."10.0.0.1/-1 10.0.0.1/8/8 :: ::1 : ::: 1:2 1::2::3 ::1/128 ::1/129 ::/0".split(" "),
  ..."fe80::1%eth0 ::ffff:10.0.0.1 ::ffff:010.0.0.1 ::ffff:10.0.0.1/120 ::10.0.0.999".split(" "),
  ..."1:2:3:4:5:6:7:8:9 12345:: g:: 10.0.0.1:80 [::1] [] [a] a:80 http://a a,b *.a *.".split(" "),
  ..."a.* *.a.* A.example GET get G* *G G1 1G G' G$%& /a?b /a#b /a;b /a//b /a/./b".split(" "),
  ..."/a/.. /.. /a/... /% /%6 /%61 /%2f /%2F /%00 /%7F /%C0 /%c3 /%C3%A9 /%2E /%5F".split(" "),
  ..."/%GG /a*/b /a/* */a *.css /*/* /a' /a\" /a< /a\\b /a|b host Host te Te x-a X_A".split(" "),
  ..."remora-x Remora-dst content-length :path a: a(b".split(" "),
  ..."|a b|a/ns/b c/sa/d|\u0000|a\n|\t|a\u007f|GE T|/a b|a, b| a|a |a  b|a*b c| ".split("|"),
  ...[32, 33].map((length) => "G".repeat(length)),
  ...[255, 256].map((length) => `/${"a".repeat(length)}`),
  ...[64, 128, 129, 1_000, 1_024, 1_025].map((length) => "x".repeat(length)),
  `*${"x".repeat(1_023)}`,
  `${"x".repeat(1_023)}*`,
];
const others: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  65_535,
  65_536,
  "1",
  [],
  {},
  [null],
  ["a"],
  { a: 1 },
];

const fromFields = ["principals", "serviceAccounts", "namespaces", "addresses"];
const toFields = ["hosts", "methods", "paths"];

const rule = (part: unknown): unknown => ({ action: "Deny", rules: [part] });
const header = (part: object): unknown => rule({ to: { headers: [{ name: "x", ...part }] } });

function* authorizationSpecs(): Generator {
  for (const value of texts) {
    for (const field of fromFields) yield rule({ from: { [field]: [value] } });
    for (const field of toFields) yield rule({ to: { [field]: [value] } });
    yield rule({ to: { headers: [{ name: value, present: true }] } });
    yield header({ values: [value] });
    yield { action: "Deny", selector: { matchLabels: { app: value } } };
    yield { action: value };
  }
  for (const value of [...others, [], Array.from({ length: 200 }, () => "a")]) {
    for (const field of ["action", "rules", "selector", "audit"]) {
      yield { action: "Allow", [field]: value };
    }
    for (const field of [...fromFields, "notAddresses"]) yield rule({ from: { [field]: value } });
    for (const field of [...toFields, "ports", "notPorts", "headers"]) {
      yield rule({ to: { [field]: value } });
    }
    for (const field of ["values", "notValues", "present"]) yield header({ [field]: value });
    yield rule({ from: value });
    yield rule({ to: value });
    yield rule(value);
    yield rule({ to: { ports: [value] } });
    yield value;
  }
  yield rule({ from: {}, to: { ports: Array.from({ length: 129 }, (_, index) => index + 1) } });
  yield header({ present: false, values: ["a"] });
  yield header({});
}

function* meshSpecs(): Generator {
  for (const value of [...others, "Strict", "strict", "Deny", "deny"]) {
    for (const field of ["mtls", "defaultAction", "ports", "selector"]) {
      yield { [field]: value };
      yield { mtls: "Strict", [field]: value };
    }
    yield { ports: [{ port: value, mtls: "Strict" }] };
    yield { ports: [{ port: 80, mtls: value }] };
    yield { ports: [value] };
    yield value;
  }
  yield { ports: Array.from({ length: 65 }, (_, index) => ({ port: index + 1, mtls: "Strict" })) };
  yield {
    ports: [
      { port: 1, mtls: "Strict" },
      { port: 1, defaultAction: "Deny" },
    ],
  };
}

describe("stored policies", { skip: findGo() === undefined ? noGo : false }, () => {
  let server: ApiServer;
  let client: KubernetesClient;
  before(async () => {
    server = await startApiServer();
    await server.kubectl(["apply", "-f", "charts/remora/definitions"]);
    client = createKubernetesClient({ kubeconfig: server.kubeconfig });
    const listed = (): Promise<boolean> =>
      Promise.all(
        Object.values(plurals).map((plural) =>
          client.request({ method: "GET", path: `${group}/${plural}` }),
        ),
      ).then(
        () => true,
        () => false,
      );
    await eventually("policies are served", listed, 30_000);
  });
  after(async () => {
    client?.close();
    await server?.close();
  });

  /** As it would be stored, for a client that asks for no validation of its own; undefined when it is refused. */
  const store = async (kind: PolicyKind, spec: unknown): Promise<RawObject | undefined> => {
    const apiVersion = "policy.remora.dev/v1alpha1";
    try {
      return await client.request<RawObject>({
        method: "POST",
        path: `${group}/${plurals[kind]}`,
        query: { fieldValidation: "Ignore", dryRun: "All" },
        body: { apiVersion, kind, metadata: { name: "p" }, spec },
      });
    } catch (error) {
      if (error instanceof KubernetesError && [400, 422].includes(error.status)) return undefined;
      throw error;
    }
  };

  for (const [kind, specs] of [
    ["AuthorizationPolicy", authorizationSpecs()],
    ["MeshPolicy", meshSpecs()],
  ] as const) {
    test(`every ${kind} that the API server takes can be read`, async (context) => {
      const unread: string[] = [];
      let stored = 0;
      let refused = 0;
      for (const spec of specs) {
        const object = await store(kind, spec);
        if (object === undefined) refused += 1;
        else {
          stored += 1;
          unread.push(...readPolicy(kind, object).problems);
        }
      }
      context.diagnostic(`${stored} were taken, ${refused} refused`);
      assert.deepEqual(unread, []);
      assert.ok(stored > 5 && refused > 20);
    });
  }
});
