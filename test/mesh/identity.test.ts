/** Certificates that are renewed all the time, and an authority that dies: load must not notice either. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Mesh, needs, startMesh, sumOf, until } from "./mesh.ts";

const client = "deploy/client";

interface LoadResult {
  readonly requests: number;
  readonly echoes: number;
  readonly errors: number;
  readonly problems: readonly string[];
}

describe("with certificates of ten seconds", needs(), () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh("identity", ["apps.yaml"], {
      namespace: "apps",
      env: { REMORA_IDENTITY_LEAF_LIFETIME: "10s" },
    });
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  const load = async (millis: number): Promise<LoadResult> => {
    const targets = ["--http", "http://http/", "--grpc", "grpc:9090", "--tcp", "tcp:7000"];
    const args = [...targets, "--for", millis];
    return (await mesh.question(client, "steady.ts", ...args)) as unknown as LoadResult;
  };
  const renewals = async (): Promise<number> => {
    const samples = await mesh.metrics(await mesh.pod("client"));
    return sumOf(samples, "remora_certificate_renewals_total", { result: "ok" });
  };

  test("renewal every five seconds costs no request and no connection", async () => {
    const first = await renewals();
    const { requests, echoes, errors, problems } = await load(17_000);
    assert.deepEqual({ errors, problems }, { errors: 0, problems: [] });
    assert.ok(requests > 500 && echoes > 100, `${requests} requests, ${echoes} echoes`);
    const renewed = (await renewals()) - first;
    assert.ok(renewed >= 2, `renewed ${renewed} times`);
  });

  test("the authority may be killed under load", async () => {
    const running = load(15_000);
    const identity = (await mesh.pods()).find((pod) => pod.name.startsWith("remora-identity"));
    const [container] = identity?.containers ?? [];
    assert.ok(typeof container?.pid === "number");
    process.kill(container.pid, "SIGKILL");
    await until(10_000, async () => {
      const again = (await mesh.pods()).find((pod) => pod.name.startsWith("remora-identity"));
      assert.ok(again?.ready === true && (again.containers[0]?.restarts ?? 0) > 0);
    });
    const before = await renewals();
    const { errors, problems } = await running;
    assert.deepEqual({ errors, problems }, { errors: 0, problems: [] });
    await until(10_000, async () => assert.ok((await renewals()) > before));
  });
});
