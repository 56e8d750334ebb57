/** A pod that goes away under load: its clients must not notice. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Mesh, needs, startMesh, until } from "./mesh.ts";

describe("a pod that is deleted under load", needs(), () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh("rollout", ["apps.yaml"], { namespace: "apps" });
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  test("costs no request when it serves on while its end is announced", async () => {
    const args = ["--http", "http://http/wait/5", "--for", 12_000];
    const load = mesh.question("deploy/client", "steady.ts", ...args);
    const { name } = await mesh.pod("http");
    const { code, text } = await mesh.remora("delete", name, "-n", "apps");
    assert.equal(code, 0, text);
    await until(10_000, async () => {
      const pods = (await mesh.pods()).filter((pod) => pod.name.startsWith("http-"));
      assert.ok(pods.length === 2 && pods.every((pod) => pod.ready && pod.name !== name));
    });
    const { requests, errors, problems } = await load;
    assert.deepEqual({ errors, problems }, { errors: 0, problems: [] });
    assert.ok(Number(requests) > 500, `${Number(requests)} requests`);
  });
});
