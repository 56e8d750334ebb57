/** Policies in a mesh that runs: applied while pods talk, and taken back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Mesh, needs, startMesh, sumOf, until } from "./mesh.ts";

const client = "deploy/client";

describe("policies", needs("curl"), () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-policies-"));
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh("policies", ["apps.yaml"], { namespace: "apps" });
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const apply = async (name: string, text: string): Promise<void> => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, text);
    await mesh.apply(file);
  };
  const ask = (path: string): Promise<string> =>
    mesh.ask(client, "curl", "-sS", "--path-as-is", "-D-", `http://http${path}`);

  test("a rule about paths lets in what it names, however the rest is written", async () => {
    assert.match(await ask("/headers"), /^HTTP\/1.1 200/);
    await apply("paths", allowRoot);
    await until(5_000, async () => assert.match(await ask("/headers"), /^HTTP\/1.1 403/));
    assert.match(await ask("/"), /^HTTP\/1.1 200/);
    assert.match(await ask("//?x"), /^HTTP\/1.1 200/);
    assert.match(await ask("/x/..%2fheaders"), /^HTTP\/1.1 400[^]*ambiguous_request/);
    const denied = await ask("//headers");
    assert.match(denied, /^HTTP\/1.1 403[^]*policy_denied: no allow policy matched/);
    await apply("paths", allowAll);
    await until(5_000, async () => assert.match(await ask("/headers"), /^HTTP\/1.1 200/));
  });

  test("strict mutual TLS cuts plaintext that runs, keeps probes green and leaves the mesh alone", async () => {
    const [http, tcp] = [await mesh.pod("http"), await mesh.pod("tcp")];
    const plain = connect(7000, tcp.ip);
    plain.write("x");
    await once(plain, "data");
    const cut = new Promise<string>((resolve) => {
      plain.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
      plain.on("close", () => resolve("closed in order"));
    });
    assert.equal((await fetch(`http://${http.ip}:8080/`)).status, 200);

    await apply("strict", strict);
    assert.equal(await cut, "ECONNRESET");
    const refused = await until(5_000, async () => {
      const response = await fetch(`http://${http.ip}:8080/`);
      assert.equal(response.status, 403);
      return response;
    });
    assert.match(String(refused.headers.get("proxy-status")), /this port takes mutual TLS only/);
    assert.match(await ask("/"), /^HTTP\/1.1 200/);
    const probe = await fetch(`http://${http.ip}:15020/probe/http/readiness`);
    assert.equal(probe.status, 200);
    for (const pod of await mesh.pods()) {
      if (pod.namespace !== "apps") continue;
      assert.ok(pod.ready, `${pod.name} is not ready`);
      assert.ok(
        pod.containers.every(({ restarts }) => restarts === 0),
        pod.name,
      );
    }
    const samples = await mesh.metrics(http);
    const denials = { policy: "MeshPolicy apps/strict" };
    assert.ok(sumOf(samples, "remora_policy_denials_total", denials) > 0);
  });
});

const allowRoot = `
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: root-only, namespace: apps }
spec:
  selector: { matchLabels: { app: http } }
  action: Allow
  rules:
    - from: { serviceAccounts: [client] }
      to: { methods: [GET], paths: [/], hosts: [http] }
`;
const allowAll = allowRoot
  .replace("      to: { methods: [GET], paths: [/], hosts: [http] }\n", "")
  .replace("    - from: { serviceAccounts: [client] }", "    - {}");
const strict = `
apiVersion: policy.remora.dev/v1alpha1
kind: MeshPolicy
metadata: { name: strict, namespace: apps }
spec: { mtls: Strict }
`;
