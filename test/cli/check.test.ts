/** `remora check`, install and uninstall against a real API server; nobody runs what is applied. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse, parseAllDocuments, stringify } from "yaml";
import { buildHelm } from "../chart/chart.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { findGo, noGo } from "../support/go-judge.ts";
import { runRemora, succeed } from "./cli.ts";

interface Finding {
  readonly check: string;
  readonly verdict: "ok" | "warn" | "fail";
  readonly what: string;
  readonly next?: string;
  readonly objects?: readonly string[];
}

interface List {
  readonly items: readonly unknown[];
}

interface Report {
  readonly ok: boolean;
  readonly phase: string;
  readonly findings: readonly Finding[];
}

describe("the command line on a cluster", { skip: findGo() === undefined ? noGo : false }, () => {
  let server: ApiServer;
  let access: readonly string[];
  let env: Readonly<Record<string, string>>;

  before(async () => {
    server = await startApiServer();
    access = ["--kubeconfig", server.kubeconfig];
    env = { REMORA_HELM: await buildHelm() };
  });
  after(() => server.close());

  async function check(...args: readonly string[]): Promise<Report> {
    const { text } = await runRemora(["check", "--output", "json", ...access, ...args]);
    return JSON.parse(text) as Report;
  }

  async function find(name: string, ...args: readonly string[]): Promise<Finding> {
    const { findings } = await check(...args);
    return findings.find((finding) => finding.check === name) ?? assert.fail(`no check ${name}`);
  }

  test("an empty cluster is ready for an installation, with a word on its lack of nodes", async () => {
    const report = await check();
    assert.equal(report.phase, "before");
    assert.equal(report.ok, true);
    const words = report.findings.map(({ check: name, verdict }) => `${name} ${verdict}`);
    assert.deepEqual(words, [
      "api-server ok",
      "nodes warn",
      "pod-security ok",
      "other-meshes ok",
      "clock ok",
      "permissions ok",
      "leftovers ok",
    ]);
    const { code, text } = await runRemora(["check", ...access]);
    assert.equal(code, 0);
    assert.match(text, /^✓ api-server +Kubernetes v1\.\d+\.\d+ answers\n/);
    assert.match(text, /\n6 good, 1 to look at, 0 wrong\n$/);
  });

  test("old kernels and kubelets, foreign architectures and Windows are named", async () => {
    await server.kubectl(["apply"], nodes);
    await applyNodeInfo(server);
    const { verdict, what, objects } = await find("nodes");
    assert.equal(verdict, "warn");
    assert.match(what, /^2 of 3 nodes may not run sidecars; 1 with Windows/);
    assert.deepEqual(objects, [
      "odd: architecture s390x; the image has amd64 and arm64",
      "old: kernel 4.19.0 is older than 5.2",
    ]);
  });

  test("somebody who may not install is told what he lacks", async () => {
    const kubeconfig = await server.kubeconfigAs({ user: "guest" });
    const { code, text } = await runRemora(["check", "--kubeconfig", kubeconfig]);
    assert.equal(code, 1);
    assert.match(text, /✗ permissions +you may not create all that the chart holds/);
    assert.match(text, /- deployments in remora-system/);
    assert.match(text, /! nodes +you may not look at this/);
  });

  test("an opted-in namespace that refuses NET_ADMIN is found", async () => {
    const labels = {
      "remora.dev/inject": "enabled",
      "pod-security.kubernetes.io/enforce": "baseline",
    };
    await server.kubectl(["apply"], namespace("strict", labels));
    const finding = await find("pod-security");
    assert.equal(finding.verdict, "fail");
    assert.deepEqual(finding.objects, ["strict enforces baseline"]);
    await server.kubectl(["label", "namespace", "strict", "pod-security.kubernetes.io/enforce-"]);
    assert.equal((await find("pod-security")).verdict, "ok");
    await server.kubectl(["label", "namespace", "strict", "remora.dev/inject-"]);
  });

  test("an API server that is not there is one finding, and so is a wrong context", async () => {
    const gone = { ...env, KUBECONFIG: join(import.meta.dirname, "nowhere") };
    assert.match((await runRemora(["check"], gone)).text, /nowhere, which is not there/);
    const { code, text } = await runRemora(["check", ...access, "--context", "other"]);
    assert.equal(code, 1);
    assert.match(text, /other/);
  });

  describe("after an installation", () => {
    before(async () => {
      const set = ["--set", "image.repository=registry.example/remora"];
      const manifests = await succeed(["install", ...set], env);
      const list = JSON.parse(await succeed(["install", ...set, "--output", "json"], env)) as List;
      const documents = parseAllDocuments(manifests).map((document) => document.toJS() as unknown);
      assert.deepEqual(list.items, documents.filter(Boolean));
      await server.kubectl(["apply", "--server-side"], manifests);
    });

    test("programs that do not run, no caBundle and no issuer are failures with a next step", async () => {
      const report = await check();
      assert.equal(report.phase, "installed");
      assert.equal(report.ok, false);
      const failed = report.findings.filter(({ verdict }) => verdict === "fail");
      assert.deepEqual(
        failed.map(({ check: name }) => name),
        ["identity", "control", "injector", "webhook-certificate", "webhook", "issuer", "roots"],
      );
      for (const { next } of failed) assert.ok(next);
      assert.equal((await find("versions")).verdict, "ok");
      assert.equal((await check("--pre")).phase, "before");
    });

    test("a program of another version is told apart", async () => {
      const label = ["label", "deployment", "remora-control", "-n", "remora-system", "--overwrite"];
      await server.kubectl([...label, "app.kubernetes.io/version=0.0.9"]);
      const { verdict, objects } = await find("versions");
      assert.equal(verdict, "fail");
      assert.ok(objects?.includes("remora-control is 0.0.9"));
      await server.kubectl([...label, "app.kubernetes.io/version=0.1.0"]);
    });

    test("pods that should be meshed are listed with the reason, and those of other versions too", async () => {
      await server.kubectl(["apply"], namespace("shop", { "remora.dev/inject": "enabled" }));
      // Nobody answers for the webhook here, and it is asked about this namespace.
      await server.kubectl(["delete", "mutatingwebhookconfiguration", "remora-injector"]);
      await server.kubectl(["apply"], pods);
      const unmeshed = await find("unmeshed-pods");
      assert.deepEqual(unmeshed.objects, [
        "shop/host: the pod uses the node's network, where a sidecar would capture other pods' traffic",
        "shop/plain: it is older than the opt-in, or was made while no webhook was asked; restart it",
      ]);
      const outdated = await find("sidecar-versions");
      assert.deepEqual(outdated.objects, ["shop/meshed: 0.0.1, image old/remora"]);
      const bundles = await find("trust-bundles");
      assert.deepEqual(bundles.objects, ["shop has none"]);
      await server.kubectl(["apply"], closing);
      const blocked = await find("network-policies");
      assert.deepEqual(blocked.objects, ["shop/meshed: nobody reaches its port 15008 (app-only)"]);
    });

    test("a policy whose status says no is shown with its words", async () => {
      await server.kubectl(["apply"], policy);
      const status = { conditions: [{ ...condition, message: "selector matches nothing" }] };
      const patch = ["patch", "authorizationpolicy", "open", "-n", "shop", "--subresource=status"];
      await server.kubectl([...patch, "--type=merge", "-p", JSON.stringify({ status })]);
      const { verdict, objects } = await find("policies");
      assert.equal(verdict, "warn");
      assert.match(objects?.[0] ?? "", /^shop\/open: not \w+: selector matches nothing$/);
    });

    test("an uninstall is refused while pods have sidecars, then leaves no object behind", async () => {
      const refused = await runRemora(["uninstall", ...access]);
      assert.equal(refused.code, 1);
      assert.match(refused.text, /1 pod still has a sidecar: shop\/meshed/);
      await server.kubectl(["delete", "pod", "meshed", "-n", "shop", "--force"]);
      const text = await succeed(["uninstall", "--policies", ...access]);
      const named = parseAllDocuments(text).map((one) => (one.toJS() as { kind: string }).kind);
      assert.equal(named.filter((kind) => kind === "Deployment").length, 3);
      await server.kubectl(["delete", "--ignore-not-found", "--wait=false"], text);
      const { findings, phase } = await check();
      assert.equal(phase, "before");
      assert.equal(findings.find(({ check: name }) => name === "leftovers")?.verdict, "ok");
      const none = await runRemora(["upgrade", ...access], env);
      assert.match(none.text, /there is no mesh to upgrade/);
    });
  });
});

const condition = {
  type: "Accepted",
  status: "False",
  reason: "Invalid",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};

function namespace(name: string, labels: Readonly<Record<string, string>>): string {
  return stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
}

const infos: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  good: { kernelVersion: "6.1.0", kubeletVersion: "v1.30.0", architecture: "amd64" },
  old: { kernelVersion: "4.19.0", kubeletVersion: "v1.30.0", architecture: "arm64" },
  odd: { kernelVersion: "6.1.0", kubeletVersion: "v1.30.0", architecture: "s390x" },
  win: {
    kernelVersion: "10.0",
    kubeletVersion: "v1.30.0",
    architecture: "amd64",
    operatingSystem: "windows",
  },
};

const nodes = Object.keys(infos)
  .map((name) => stringify({ apiVersion: "v1", kind: "Node", metadata: { name } }))
  .join("---\n");

async function applyNodeInfo(server: ApiServer): Promise<void> {
  const rest = {
    bootID: "",
    containerRuntimeVersion: "",
    kubeProxyVersion: "",
    machineID: "",
    osImage: "",
    systemUUID: "",
    operatingSystem: "linux",
  };
  for (const [name, info] of Object.entries(infos)) {
    const patch = JSON.stringify({ status: { nodeInfo: { ...rest, ...info } } });
    await server.kubectl([
      "patch",
      "node",
      name,
      "--subresource=status",
      "--type=merge",
      "-p",
      patch,
    ]);
  }
}

function pod(name: string, rest: object): string {
  return `---\n${stringify({
    apiVersion: "v1",
    kind: "Pod",
    ...parse(stringify(rest)),
    metadata: { name, namespace: "shop", ...(rest as { metadata?: object }).metadata },
  })}`;
}

const containers = [{ name: "app", image: "app" }];
const sidecar = { name: "remora-proxy", image: "old/remora", restartPolicy: "Always" };
const pods = [
  pod("plain", { spec: { containers } }),
  pod("host", { spec: { hostNetwork: true, containers } }),
  pod("out", { metadata: { labels: { "remora.dev/inject": "disabled" } }, spec: { containers } }),
  pod("meshed", {
    metadata: { annotations: { "remora.dev/injected": "0.0.1" } },
    spec: { initContainers: [sidecar], containers },
  }),
].join("");

const closing = stringify({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "app-only", namespace: "shop" },
  spec: { podSelector: {}, ingress: [{ ports: [{ port: 8080 }] }] },
});

const policy = stringify({
  apiVersion: "policy.remora.dev/v1alpha1",
  kind: "AuthorizationPolicy",
  metadata: { name: "open", namespace: "shop" },
  spec: { action: "Allow", rules: [{}] },
});
