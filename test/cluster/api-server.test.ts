import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { findGo, noGo } from "../support/go-judge.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { kubernetesVersion } from "./programs.ts";

describe("the API server of tests", { skip: findGo() === undefined ? noGo : false }, () => {
  let server: ApiServer;

  before(async () => {
    server = await startApiServer();
  });
  after(() => server.close());

  test("is the version that go.mod names", async () => {
    const { serverVersion } = JSON.parse(
      await server.kubectl(["version", "--output=json"]),
    ) as Record<string, { gitVersion: string }>;
    assert.equal(serverVersion?.gitVersion, kubernetesVersion());
  });

  test("keeps its objects and its address over a restart", async () => {
    await server.kubectl(["create", "namespace", "kept"]);
    await server.stop("SIGKILL");
    await assert.rejects(server.kubectl(["get", "namespace", "kept"]), /refused/);
    await server.start();
    assert.match(await server.kubectl(["get", "namespace", "kept", "-o=name"]), /namespace\/kept/);
  });

  test("signs service-account tokens and reviews them for their audience alone", async () => {
    await server.kubectl(["create", "serviceaccount", "web"]);
    const token = await server.kubectl(["create", "token", "web", "--audience=remora"]);
    const review = async (audience: string): Promise<unknown> => {
      const spec = { token: token.trim(), audiences: [audience] };
      const object = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec };
      const answer = await server.kubectl(["create", "-o=json"], JSON.stringify(object));
      const { status } = JSON.parse(answer) as { status: { authenticated?: boolean } };
      return status.authenticated ?? false;
    };
    assert.equal(await review("remora"), true);
    assert.equal(await review("another"), false);
  });

  test("somebody without roles may read nothing", async () => {
    const kubeconfig = await server.kubeconfigAs({ user: "nobody" });
    const asking = server.kubectl(["--kubeconfig", kubeconfig, "get", "pods"]);
    await assert.rejects(asking, /User "nobody" cannot list resource "pods"/);
  });

  test("a second one knows nothing of the first, and leaves nothing behind", async () => {
    const second = await startApiServer();
    try {
      await second.kubectl(["create", "namespace", "elsewhere"]);
      await assert.rejects(server.kubectl(["get", "namespace", "elsewhere"]), /not found/);
    } finally {
      await second.close();
    }
    assert.equal(existsSync(second.folder), false);
  });
});
