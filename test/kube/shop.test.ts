import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Findings, judge } from "../../examples/shop/check/verdict.ts";
import { parseMetricsText } from "../../src/cli/traffic/metrics-text.ts";
import { eventually } from "../control/eventually.ts";
import { getObject, kubectl } from "./kube.ts";
import { installMesh, meshNamespace, uninstallMesh } from "./mesh.ts";
import { deployShop, shopApps } from "./shop.ts";

const image = process.env["REMORA_SHOP_IMAGE"];
const rounds = 50;

interface Pod {
  readonly metadata: { readonly name: string; readonly annotations: Record<string, string> };
  readonly spec: { readonly initContainers?: { readonly name: string }[] };
}

describe("the example shop in a cluster", {
  skip: image === undefined ? "REMORA_SHOP_IMAGE names no image" : false,
}, () => {
  before(async () => {
    await installMesh();
    await deployShop(image ?? "");
  });
  after(async () => {
    await kubectl(["delete", "namespace", "shop", "--timeout=2m"]);
    await uninstallMesh();
  });

  test("every pod of the namespace gets a sidecar, and no other pod does", async () => {
    for (const app of shopApps) {
      const { spec, metadata } = await podOf(app);
      const names = spec.initContainers?.map(({ name }) => name);
      assert.deepEqual(names, ["remora-init", "remora-proxy"], app);
      assert.ok(metadata.annotations["remora.dev/injected"], app);
    }
    const text = await kubectl(["get", "pods", "-n", meshNamespace, "-o=json"]);
    for (const { spec } of (JSON.parse(text) as { items: Pod[] }).items) {
      assert.equal(spec.initContainers, undefined);
    }
  });

  test("all visits are served, with the identities of those who call", async () => {
    const shopper = ["node", "examples/shop/apps/shopper.ts"];
    const visits = await ask("shopper", [...shopper, "--check", String(rounds)]);
    const trespass = await ask("shopper", [...shopper, "--trespass", "ledger:7070"]);
    const identities = Object.fromEntries(
      shopApps.map((app) => [app, `spiffe://cluster.local/ns/shop/sa/${app}`]),
    );
    const metrics: Record<string, ReturnType<typeof parseMetricsText>> = {};
    for (const app of shopApps) metrics[app] = await metricsOf(app);
    const wire = { kind: "not-captured", reason: "the node has an interface per pod" } as const;
    const findings = judge({
      rounds,
      visits: JSON.parse(visits) as Findings[],
      trespass: trespass.trim(),
      identities,
      metrics,
      wire,
    });
    const wrong = findings.filter(({ holds }) => !holds);
    assert.deepEqual(wrong, []);
  });

  test("the trust bundle is in the namespace as soon as it has opted in", async () => {
    const bundle = await eventually("the trust bundle", () =>
      getObject<{ data: Record<string, string> }>("shop", "configmap", "remora-trust-bundle"),
    );
    assert.match(bundle.data["ca.pem"] ?? "", /^-----BEGIN CERTIFICATE-----/);
  });
});

async function podOf(app: string): Promise<Pod> {
  const text = await kubectl(["get", "pods", "-n", "shop", "-l", `app=${app}`, "-o=json"]);
  const [pod] = (JSON.parse(text) as { items: Pod[] }).items;
  assert.ok(pod, app);
  return pod;
}

async function ask(app: string, command: readonly string[]): Promise<string> {
  return kubectl(["exec", `deployment/${app}`, "-n", "shop", "-c", app, "--", ...command]);
}

async function metricsOf(app: string): Promise<ReturnType<typeof parseMetricsText>> {
  const { metadata } = await podOf(app);
  const path = `/api/v1/namespaces/shop/pods/${metadata.name}:15020/proxy/metrics`;
  return parseMetricsText(await kubectl(["get", "--raw", path]));
}
