/** kubeconform on the chart and the examples, with schemas from a real API server that has our kinds. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { needsHelm, renderText } from "../../chart/chart.ts";
import { startApiServer } from "../../cluster/api-server.ts";
import { buildGoJudge } from "../../support/go-judge.ts";
import { schemaTemplate, writeSchemas } from "./schemas.ts";

const crds = ["authorizationpolicies", "meshpolicies"];

describe("kubeconform", needsHelm(), () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-schemas-"));
  let program: string;

  before(async () => {
    const name = "github.com/yannh/kubeconform/cmd/kubeconform";
    program = join(await buildGoJudge(import.meta.dirname, [name]), "kubeconform");
    const server = await startApiServer();
    try {
      const names = crds.map((plural) => `crd/${plural}.policy.remora.dev`);
      const files = crds.map((plural) =>
        readFileSync(`charts/remora/definitions/${plural}.yaml`, "utf8"),
      );
      await server.kubectl(["apply", "--server-side"], files.join("\n---\n"));
      await server.kubectl(["wait", "--for=condition=Established", ...names]);
      assert.ok(writeSchemas(await readOpenApi(server), folder) > 100);
    } finally {
      await server.close();
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A new kind is in the API server's description a moment after it is established. */
  async function readOpenApi(server: Awaited<ReturnType<typeof startApiServer>>): Promise<string> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const text = await server.kubectl(["get", "--raw", "/openapi/v2"]);
      if (/"kind":"AuthorizationPolicy"/.test(text) && /"kind":"MeshPolicy"/.test(text))
        return text;
      assert.ok(performance.now() < deadline, "our kinds are not in /openapi/v2");
    }
  }

  function judge(input: string): { readonly status: number | null; readonly text: string } {
    const location = join(folder, schemaTemplate);
    // The Prometheus operator's kind is not known to a bare API server.
    const args = ["-schema-location", location, "-skip", "PodMonitor", "-summary", "-"];
    const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
    return { status, text: `${stdout}${stderr}` };
  }

  for (const set of ["minimal", "everything"] as const) {
    test(`finds every object of the chart with ${set} values right`, async () => {
      const { status, text } = judge(await renderText(set));
      assert.equal(status, 0, text);
      assert.match(text, /Valid: (2[5-9]|[3-9]\d), Invalid: 0, Errors: 0, Skipped: [02]/);
    });
  }

  test("finds the example shop's manifests right", () => {
    const files = readdirSync("examples/shop/manifests").filter((file) => file.endsWith(".yaml"));
    const text = files.map((file) => readFileSync(`examples/shop/manifests/${file}`, "utf8"));
    const verdict = judge(text.join("\n---\n"));
    assert.equal(verdict.status, 0, verdict.text);
    assert.match(verdict.text, /Valid: [1-9]\d*, Invalid: 0/);
  });

  test("refuses a misspelt field of Kubernetes' kinds and of ours", () => {
    const policy = (spec: string): string =>
      `apiVersion: policy.remora.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: { name: a }\nspec: ${spec}\n`;
    assert.equal(judge(policy("{ action: Allow, rules: [{}] }")).status, 0);
    assert.match(judge(policy("{ action: Allow, ruls: [{}] }")).text, /ruls/);
    assert.match(judge(policy("{ action: Perhaps }")).text, /action/);
    const service = "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { port: [] }\n";
    assert.match(judge(service).text, /additional.*port/i);
  });
});
