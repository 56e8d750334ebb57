/** Helm itself on the chart: what it lints, and what would be applied. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { injectorSettingTable, readInjectorConfig } from "../../../injector/config.ts";
import { controlSettingTable, readControlConfig } from "../../../src/control/config.ts";
import { policySpec } from "../../../src/control/manifests/policy-schema.ts";
import { identitySettingTable, readIdentityConfig } from "../../../src/identity/config.ts";
import { buildGoJudge, findGo, noGo } from "../../support/go-judge.ts";

const run = promisify(execFile);
const folder = join(import.meta.dirname, "../../..");
const chart = join(folder, "charts/remora");
const values = join(folder, "test/chart/values.yaml");
const namespace = ["--namespace", "remora-system"];

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data: Readonly<Record<string, string>>;
  // Manifests of many kinds are read here; every expectation names what it wants.
  readonly spec: Readonly<Record<string, unknown>>;
  readonly webhooks: readonly Readonly<Record<string, unknown>>[];
}

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly affinity: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly image: string;
    readonly command: readonly string[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    readonly securityContext: unknown;
    readonly resources: Readonly<Record<string, unknown>>;
    readonly startupProbe: unknown;
    readonly readinessProbe: unknown;
    readonly livenessProbe: unknown;
  }[];
}

describe("the chart", { skip: findGo() === undefined ? noGo : false }, () => {
  let helm: string;
  let manifests: readonly Manifest[];

  before(async () => {
    helm = join(await buildGoJudge(import.meta.dirname, ["helm.sh/helm/v3/cmd/helm"]), "helm");
    manifests = await render();
  });

  /** A helm that was not built by its release's script takes the cluster for an old one. */
  async function render(...args: readonly string[]): Promise<readonly Manifest[]> {
    const fixed = ["template", "remora", chart, "--include-crds", "--kube-version", "1.29.0"];
    const { stdout } = await run(helm, [...fixed, ...namespace, "-f", values, ...args]);
    return parseAllDocuments(stdout)
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest !== null);
  }

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
    for (const args of [[], ["-f", values]]) {
      const { stdout } = await run(helm, ["lint", "--strict", chart, ...namespace, ...args]);
      assert.match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
    }
  });

  test("refuses misspelt values, missing ones and another namespace, with a sentence", async () => {
    await assert.rejects(render("--set", "identity.replica=3"), /replica/);
    await assert.rejects(render("--set", "proxy.accessLog=maybe"), /accessLog/);
    await assert.rejects(render("--set", "image.repository="), /image\.repository is needed/);
    await assert.rejects(render("--set", "trustBundle.pem="), /trustBundle\.pem is needed/);
    await assert.rejects(render("--namespace", "mesh"), /--namespace remora-system/);
  });

  test("every program has a Deployment, a Service, an account, a budget and a policy", () => {
    for (const name of ["remora-identity", "remora-control", "remora-injector"]) {
      assert.equal(find("Deployment", name).spec["replicas"], 2);
      assert.deepEqual(find("Service", name).spec["selector"], { "app.kubernetes.io/name": name });
      assert.equal(find("PodDisruptionBudget", name).spec["maxUnavailable"], 1);
      find("ServiceAccount", name);
      find("NetworkPolicy", name);
    }
  });

  test("nobody gets a role, because no program reads the API", () => {
    assert.deepEqual(
      manifests.filter(({ kind }) => kind.includes("Role")),
      [],
    );
  });

  test("every pod passes the restricted pod security standard and has probes", () => {
    for (const name of ["remora-identity", "remora-control", "remora-injector"]) {
      const pod = podOf(name);
      assert.equal(pod.automountServiceAccountToken, false);
      assert.equal(pod.securityContext["runAsNonRoot"], true);
      assert.deepEqual(pod.securityContext["seccompProfile"], { type: "RuntimeDefault" });
      assert.ok(pod.affinity["podAntiAffinity"]);
      for (const container of pod.containers) {
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        assert.ok(container.startupProbe && container.readinessProbe && container.livenessProbe);
        assert.deepEqual(Object.keys(container.resources).sort(), ["limits", "requests"]);
        assert.equal(container.image, "registry.example/remora:0.1.0");
      }
    }
  });

  test("every program understands the environment that it is given", () => {
    const programs = [
      ["remora-identity", identitySettingTable, readIdentityConfig, 15_012],
      ["remora-control", controlSettingTable, readControlConfig, 15_010],
      ["remora-injector", injectorSettingTable, readInjectorConfig, 15_017],
    ] as const;
    for (const [name, table, read, port] of programs) {
      const [container] = podOf(name).containers;
      const env = Object.fromEntries(container?.env.map((one) => [one.name, one.value]) ?? []);
      const unknown = Object.keys(env).filter((variable) => !(variable in table));
      assert.deepEqual(unknown, [], name);
      const config = read(env);
      assert.deepEqual(config.listen, { ip: "::", port }, name);
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
      assert.equal(webhook["sideEffects"], "None");
      assert.equal(webhook["timeoutSeconds"], 5);
      assert.deepEqual(webhook["admissionReviewVersions"], ["v1"]);
    }
  });

  test("the webhook's certificate is for its Service and signed by the bundle", () => {
    const { data } = find("Secret", "remora-injector-certificate");
    const read = (text: string | undefined): X509Certificate =>
      new X509Certificate(Buffer.from(text ?? "", "base64"));
    const leaf = read(data["tls.crt"]);
    for (const webhook of find("MutatingWebhookConfiguration", "remora-injector").webhooks) {
      const { caBundle, service } = webhook["clientConfig"] as {
        caBundle: string;
        service: { name: string; namespace: string; path: string };
      };
      assert.ok(leaf.verify(read(caBundle).publicKey));
      assert.equal(leaf.checkHost(`${service.name}.${service.namespace}.svc`) !== undefined, true);
      assert.equal(service.path, "/inject");
    }
  });

  test("the trust bundle is in every namespace that is named", () => {
    const bundles = manifests.filter(({ metadata }) => metadata.name === "remora-trust-bundle");
    const namespaces = bundles.map(({ metadata }) => metadata.namespace);
    assert.deepEqual(namespaces, ["remora-system", "shop"]);
    for (const { data } of bundles) assert.match(data["ca.pem"] ?? "", /^-----BEGIN CERTIFICATE-/);
  });

  test("control is left out without manifests to read", async () => {
    const without = await render("--set", "control.manifestsConfigMap=");
    assert.deepEqual(
      without.filter(({ metadata }) => metadata.name === "remora-control"),
      [],
    );
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
    assert.deepEqual(Object.keys(from?.properties ?? {}), both);
    assert.deepEqual(Object.keys(to?.properties ?? {}), ["ports", "notPorts"]);
  });
});

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
};
