/** Helm itself on the chart: what it lints, and what would be applied. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import { injectorSettingTable, readInjectorConfig } from "../../../injector/config.ts";
import { controlSettingTable, readControlConfig } from "../../../src/control/config.ts";
import { policySpec } from "../../../src/control/manifests/policy-schema.ts";
import { permissionFlags } from "../../../src/core/node-runtime.ts";
import { identitySettingTable, readIdentityConfig } from "../../../src/identity/config.ts";
import {
  buildHelm,
  chartFolder,
  type Manifest,
  needsHelm,
  type PolicyRule,
  renderChart,
  valueSets,
  valuesFile,
} from "../../chart/chart.ts";

const run = promisify(execFile);
const programs = ["remora-identity", "remora-control", "remora-injector"];

interface PodSpec {
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly affinity: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly image: string;
    readonly command: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    readonly securityContext: unknown;
    readonly resources: Readonly<Record<string, unknown>>;
    readonly startupProbe: unknown;
    readonly readinessProbe: unknown;
    readonly livenessProbe: unknown;
  }[];
}

describe("the chart", needsHelm(), () => {
  let manifests: readonly Manifest[];

  before(async () => {
    manifests = await renderChart("everything");
  });

  function find(kind: string, name: string): Manifest {
    const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
    assert.ok(found, `${kind} ${name}`);
    return found;
  }

  function podOf(name: string): PodSpec {
    const { template } = find("Deployment", name).spec as { template: { spec: PodSpec } };
    return template.spec;
  }

  test("passes helm lint --strict, with its defaults and with values", async () => {
    const helm = await buildHelm();
    for (const args of [[], ...valueSets.map((set) => ["-f", valuesFile(set)])]) {
      const command = ["lint", "--strict", chartFolder, "--namespace", "remora-system", ...args];
      const { stdout } = await run(helm, command);
      assert.match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
    }
  });

  test("refuses misspelt values, missing ones and another namespace, with what to do", async () => {
    const render = (...args: string[]): Promise<unknown> => renderChart("minimal", ...args);
    await assert.rejects(render("--set", "identity.replica=3"), /replica/);
    await assert.rejects(render("--set", "proxy.accessLog=maybe"), /accessLog/);
    await assert.rejects(render("--set", "image.digest=sha256:1"), /digest/);
    await assert.rejects(render("--set", "image.repository="), /--set image\.repository=/);
    await assert.rejects(render("--namespace", "mesh"), /add --namespace remora-system/);
  });

  test("needs no value but the image", async () => {
    const [, ...others] = Object.keys(parse(readFileSync(valuesFile("minimal"), "utf8")) as object);
    assert.deepEqual(others, []);
    const kinds = (await renderChart("minimal")).map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "Deployment").length, 3);
    assert.ok(!kinds.includes("Secret"), "keys are made in the cluster, not by Helm");
  });

  test("every program has a Deployment, a Service, an account, a budget and a policy", () => {
    for (const name of programs) {
      assert.equal(find("Deployment", name).spec["replicas"], name === "remora-identity" ? 3 : 2);
      assert.deepEqual(find("Deployment", name).spec["strategy"], {
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
      });
      assert.deepEqual(find("Service", name).spec["selector"], { "app.kubernetes.io/name": name });
      assert.equal(find("PodDisruptionBudget", name).spec["maxUnavailable"], 1);
      find("ServiceAccount", name);
      find("NetworkPolicy", name);
    }
  });

  test("no role has a wildcard, and writing is tied to names wherever it can be", () => {
    const roles = manifests.filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
    const rules = roles
      .filter(({ metadata }) => programs.includes(metadata.name))
      .flatMap((role) => role.rules ?? []);
    assert.ok(rules.length > 15);
    for (const rule of rules) {
      const words = [...(rule.apiGroups ?? []), ...(rule.resources ?? []), ...rule.verbs];
      assert.ok(!words.includes("*"), JSON.stringify(rule));
      if (rule.nonResourceURLs === undefined) assert.ok(isTied(rule), JSON.stringify(rule));
    }
    for (const secret of rules.filter(({ resources }) => resources?.includes("secrets"))) {
      assert.ok(secret.verbs.join() === "create" || secret.resourceNames !== undefined);
    }
    const cluster = roles.filter(({ kind }) => kind === "ClusterRole");
    const secrets = cluster.flatMap(({ rules = [] }) =>
      rules.flatMap((one) => one.resources ?? []),
    );
    assert.ok(!secrets.includes("secrets"), "no program reads Secrets of other namespaces");
  });

  test("every pod passes the restricted pod security standard and has probes", () => {
    for (const name of programs) {
      const pod = podOf(name);
      assert.equal(find("ServiceAccount", name).automountServiceAccountToken, false);
      assert.equal(pod.securityContext["runAsNonRoot"], true);
      assert.deepEqual(pod.securityContext["seccompProfile"], { type: "RuntimeDefault" });
      assert.ok(pod.affinity["podAntiAffinity"]);
      for (const container of pod.containers) {
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          runAsUser: 65_532,
          runAsGroup: 65_532,
          capabilities: { drop: ["ALL"] },
        });
        assert.ok(container.startupProbe && container.readinessProbe && container.livenessProbe);
        assert.deepEqual(Object.keys(container.resources).sort(), ["limits", "requests"]);
        assert.match(container.image, /^registry\.example\/remora@sha256:[0-9a-f]{64}$/);
      }
    }
  });

  test("every program is given the permissions that are written down for it", () => {
    for (const program of ["identity", "control", "injector"] as const) {
      const [container] = podOf(`remora-${program}`).containers;
      const given = container?.command.filter((flag) => /^--(?:permission|allow)/.test(flag));
      const folder = container?.command.at(-1)?.replace(/\/[^/]*$/, "");
      assert.deepEqual(given, permissionFlags(program, folder), program);
    }
  });

  test("every program understands the environment that it is given", () => {
    const tables = [
      ["remora-identity", identitySettingTable, readIdentityConfig, 15_012],
      ["remora-control", controlSettingTable, readControlConfig, 15_010],
      ["remora-injector", injectorSettingTable, readInjectorConfig, 15_017],
    ] as const;
    for (const [name, table, read, port] of tables) {
      const [container] = podOf(name).containers;
      const env = Object.fromEntries(
        container?.env.map((one) => [one.name, one.value ?? name]) ?? [],
      );
      assert.equal(Object.keys(env).length, container?.env.length, `${name}: a name twice`);
      const unknown = Object.keys(env).filter((variable) => !(variable in table));
      assert.deepEqual(unknown, [], name);
      assert.deepEqual(read(env).listen, { ip: "::", port }, name);
      assert.deepEqual(
        container?.ports.map((one) => one.containerPort),
        [port, 15_014],
      );
    }
  });

  test("the webhooks are asked about opted-in pods alone, and never about the mesh's own", () => {
    const { webhooks } = find("MutatingWebhookConfiguration", "remora-injector");
    const key = "remora.dev/inject";
    const never = {
      key: "kubernetes.io/metadata.name",
      operator: "NotIn",
      values: ["kube-system", "kube-node-lease", "remora-system"],
    };
    const notDisabled = { key, operator: "NotIn", values: ["disabled"] };
    const selectors = webhooks.map((one) => [one["namespaceSelector"], one["objectSelector"]]);
    assert.deepEqual(selectors, [
      [
        { matchExpressions: [never, { key, operator: "In", values: ["enabled"] }] },
        { matchExpressions: [notDisabled] },
      ],
      [
        { matchExpressions: [never, { key, operator: "NotIn", values: ["enabled"] }] },
        { matchExpressions: [notDisabled, { key, operator: "Exists" }] },
      ],
    ]);
    for (const webhook of webhooks) {
      assert.equal(webhook["failurePolicy"], "Fail");
      assert.equal(webhook["reinvocationPolicy"], "IfNeeded");
      assert.equal(webhook["sideEffects"], "NoneOnDryRun");
      assert.equal(webhook["timeoutSeconds"], 5);
      assert.deepEqual(webhook["admissionReviewVersions"], ["v1"]);
    }
  });

  test("the webhook's caBundle is left to the injector, which upgrades must not take it from", () => {
    for (const webhook of find("MutatingWebhookConfiguration", "remora-injector").webhooks) {
      assert.deepEqual(webhook["clientConfig"], {
        service: {
          name: "remora-injector",
          namespace: "remora-system",
          path: "/inject",
          port: 443,
        },
      });
    }
  });

  test("the CRD has the fields of the policy that control reads, and no others", () => {
    const crd = find("CustomResourceDefinition", "authorizationpolicies.policy.remora.dev");
    const [version] = crd.spec["versions"] as { schema: { openAPIV3Schema: Schema } }[];
    const spec = version?.schema.openAPIV3Schema.properties?.["spec"];
    assert.ok(spec);
    assert.deepEqual(problemsOf(exampleOf(spec)), []);
    const { from, to } = spec.properties?.["rules"]?.items?.properties ?? {};
    const peers = ["principals", "serviceAccounts", "namespaces", "addresses"];
    const not = (name: string): string => `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const both = peers.flatMap((name) => [name, not(name)]);
    assert.deepEqual(Object.keys(from?.properties ?? {}).sort(), both.sort());
    const targets = ["ports", "hosts", "methods", "paths"];
    const headers = Object.keys(to?.properties ?? {}).filter((name) => /headers/i.test(name));
    const names = [...targets.flatMap((name) => [name, not(name)]), ...headers];
    assert.deepEqual(Object.keys(to?.properties ?? {}).sort(), names.sort());
  });
});

/** Everybody may be listed; what is changed has a name, unless it is made, told of, or said of a policy. */
function isTied(rule: PolicyRule): boolean {
  const reading = ["get", "list", "watch"];
  const writes = rule.verbs.filter((verb) => !reading.includes(verb) && verb !== "create");
  if (writes.length === 0 || rule.resourceNames !== undefined) return true;
  return (rule.resources ?? []).every((name) => name === "events" || name.endsWith("/status"));
}

interface Schema {
  readonly type: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly string[];
}

function problemsOf(spec: object): readonly string[] {
  const problems: string[] = [];
  policySpec(spec, ["spec"], (issue) => problems.push(issue.reason));
  return problems;
}

/** Every field of the schema, with a value that is right for its name. */
function exampleOf(schema: Schema, name = ""): object {
  const value = (one: Schema, key: string): unknown => {
    if (one.type === "object" && one.properties === undefined) return { app: "web" };
    if (one.type === "object") return exampleOf(one, key);
    if (one.type === "array") return one.items === undefined ? [] : [value(one.items, key)];
    if (one.type === "integer") return 80;
    if (one.type === "boolean") return true;
    return one.enum?.[0] ?? texts[key.replace(/^not/, "").toLowerCase()] ?? name;
  };
  const entries = Object.entries(schema.properties ?? {});
  return Object.fromEntries(entries.map(([key, one]) => [key, value(one, key)]));
}

const texts: Readonly<Record<string, string>> = {
  principals: "cluster.local/ns/shop/sa/web",
  serviceaccounts: "shop/web",
  namespaces: "shop",
  addresses: "10.0.0.0/8",
  hosts: "web.shop",
  methods: "GET",
  paths: "/pay/*",
};
