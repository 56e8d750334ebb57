/** A release of Helm on a real API server: installed, upgraded, taken away. Nobody runs what is applied. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { buildHelm, chartFolder, needsHelm, renderText, valuesFile } from "./chart.ts";

const run = promisify(execFile);

interface Webhooks {
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

describe("a release of the chart", needsHelm(), () => {
  let server: ApiServer;
  let helm: string;

  before(async () => {
    [server, helm] = await Promise.all([startApiServer(), buildHelm()]);
  });
  after(() => server.close());

  async function runHelm(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, KUBECONFIG: server.kubeconfig };
    const command = [...args, "--namespace", "remora-system"];
    return (await run(helm, command, { env, maxBuffer: 16 * 1024 * 1024 })).stdout;
  }

  async function readBundles(): Promise<readonly (string | undefined)[]> {
    const args = ["get", "mutatingwebhookconfiguration", "remora-injector", "-o", "json"];
    const { webhooks } = JSON.parse(await server.kubectl(args)) as Webhooks;
    return webhooks.map(({ clientConfig }) => clientConfig.caBundle);
  }

  /** As the injector does it. */
  async function writeBundle(caBundle: string): Promise<void> {
    const patch = [0, 1].map((index) => {
      return { op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle };
    });
    const target = ["patch", "mutatingwebhookconfiguration", "remora-injector"];
    await server.kubectl([...target, "--type=json", "-p", JSON.stringify(patch)]);
  }

  test("installs with nothing but an image, and says what to do next", async () => {
    const values = ["-f", valuesFile("minimal")];
    const notes = await runHelm("install", "remora", chartFolder, "--create-namespace", ...values);
    assert.match(notes, /kubectl label namespace NAME remora\.dev\/inject=enabled/);
    assert.match(notes, /pod-security\.kubernetes\.io\/enforce=restricted/);
    assert.deepEqual(await readBundles(), [undefined, undefined]);
  });

  test("meets the restricted Pod Security level that the namespace may enforce", async () => {
    const level = "pod-security.kubernetes.io/enforce=restricted";
    const label = ["label", "namespace", "remora-system", level, "--dry-run=server"];
    // The API server names pods and templates that are against the level in its warnings.
    assert.doesNotMatch(await server.kubectl(label), /[Ww]arning/);
    await server.kubectl(["label", "namespace", "remora-system", level]);
    const deployments = ["get", "deployment", "-n", "remora-system", "-o", "json"];
    const { items } = JSON.parse(await server.kubectl(deployments)) as {
      readonly items: readonly { metadata: { name: string }; spec: { template: object } }[];
    };
    assert.equal(items.length, 3);
    for (const { metadata, spec } of items) {
      const { name } = metadata;
      const template = spec.template as { metadata: object; spec: object };
      const pod = { apiVersion: "v1", kind: "Pod", ...template };
      const named = {
        ...pod,
        metadata: { ...template.metadata, name, namespace: "remora-system" },
      };
      await server.kubectl(["create", "--dry-run=server"], JSON.stringify(named));
    }
  });

  test("an upgrade leaves the caBundle that the injector wrote, in whatever way it is done", async () => {
    const caBundle = Buffer.from(certificate).toString("base64");
    await writeBundle(caBundle);
    const values = ["-f", valuesFile("minimal"), "--set", "injector.replicas=3,image.tag=v2"];
    await runHelm("upgrade", "remora", chartFolder, ...values);
    assert.deepEqual(await readBundles(), [caBundle, caBundle]);
    const manifests = await renderText("minimal");
    await server.kubectl(["apply", "--server-side", "--force-conflicts"], manifests);
    assert.deepEqual(await readBundles(), [caBundle, caBundle]);
  });

  test("every object passes the API server's own validation with every value set", async () => {
    // The Prometheus operator's kind is not known to a bare API server.
    const text = await renderText("everything", "--set", "podMonitor.enabled=false");
    const apply = ["apply", "--server-side", "--force-conflicts", "--validate=strict"];
    const said = await server.kubectl([...apply, "--dry-run=server"], text);
    assert.ok(said.trim().split("\n").length > 30);
  });

  async function listDefinitions(): Promise<readonly string[]> {
    const args = ["get", "customresourcedefinitions", "-o", "name"];
    return (await server.kubectl(args)).split("\n").filter((line) => line !== "");
  }

  test("an uninstall leaves nothing but policies' kinds, which hold what people wrote", async () => {
    await runHelm("uninstall", "remora");
    const kinds = [
      "deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies",
      "roles,rolebindings,clusterroles,clusterrolebindings,mutatingwebhookconfigurations",
    ].join();
    const args = ["get", kinds, "-A", "-l", "app.kubernetes.io/part-of=remora", "-o", "name"];
    assert.equal(await server.kubectl(args), "");
    const left = await listDefinitions();
    assert.equal(left.length, 2);
    for (const line of left) assert.match(line, /\.policy\.remora\.dev$/);
  });

  test("the next release takes those over, and leaves nothing at all when it is told to", async () => {
    const values = ["-f", valuesFile("minimal")];
    await runHelm("install", "remora", chartFolder, ...values);
    await runHelm("upgrade", "remora", chartFolder, ...values, "--set", "crds.keep=false");
    await runHelm("uninstall", "remora", "--wait");
    assert.deepEqual(await listDefinitions(), []);
  });
});

/** A real one: the API server reads what it is given. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUE589m5daRKTuN+ggEMvfCNZre58wCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI2MTQxNjE3WhgPMjEyNjExMDIxNDE2MTda
MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4AG5s1PV
bY/r5yTW74OCoDCaO9la9PdcIj9n6zTGjM1DtZetVh/YM+lJY6Uv6RouM2H3FUCx
pPGsyMmgagh6a6NTMFEwHQYDVR0OBBYEFGdwRVWKUAISZuXQ5guQXf52b91OMB8G
A1UdIwQYMBaAFGdwRVWKUAISZuXQ5guQXf52b91OMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIgeo9mdvguAbmlYpjgZ6uDwJT/YN7anpanyaBOjcIK
3hgCIQD2mDVpJ4yeDJ59v8gyMTqnHKQ6tikYu8e74gL5aWhEqA==
-----END CERTIFICATE-----
`;
