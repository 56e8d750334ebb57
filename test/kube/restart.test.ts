/** Programs come and go under load: whatever ends in order, and control however it ends, costs no request. */
import { after, before, describe, test } from "node:test";
import { eventually } from "../control/eventually.ts";
import { awaitRollout, kubectl } from "./kube.ts";
import { assertUnharmed, servers, startLoad, whyNoLoad } from "./load.ts";
import { installMesh, meshNamespace, meshPrograms, uninstallMesh } from "./mesh.ts";

const kills = 4;
const killInterval = 20_000;

describe("restarts under load", { skip: whyNoLoad }, () => {
  before(() => installMesh());
  after(() => uninstallMesh());

  test("a rolling restart of every server fails no request, call or new connection", async (context) => {
    const load = await startLoad(context, "kube-roll", { held: false });
    await Promise.all(servers.map((server) => restart(load.namespace, server)));
    assertUnharmed(await load.end());
  });

  test("a rolling restart of the control plane fails nothing, and cuts no connection", async (context) => {
    const load = await startLoad(context, "kube-roll-mesh", { held: true });
    for (const program of meshPrograms) await restart(meshNamespace, program);
    assertUnharmed(await load.end());
  });

  test("control that is killed every 20 s fails nothing, and cuts no connection", async (context) => {
    const load = await startLoad(context, "kube-kill", { held: true });
    const pods = ["pods", "-n", meshNamespace, "-l", "app.kubernetes.io/name=remora-control"];
    for (let kill = 0; kill < kills; kill += 1) {
      const next = new Promise((resolve) => setTimeout(resolve, killInterval));
      await kubectl(["delete", ...pods, "--grace-period=0", "--force"]);
      await awaitRollout(meshNamespace, "deployment/remora-control");
      await next;
    }
    assertUnharmed(await load.end());
  });
});

/** Returns when the last old pod is gone too. */
async function restart(namespace: string, deployment: string): Promise<void> {
  const selector = namespace === meshNamespace ? "app.kubernetes.io/name" : "app";
  const list = ["get", "pods", "-n", namespace, "-l", `${selector}=${deployment}`, "-o=name"];
  const old = (await kubectl(list)).trim().split("\n");
  await kubectl(["rollout", "restart", `deployment/${deployment}`, "-n", namespace]);
  await awaitRollout(namespace, `deployment/${deployment}`);
  const gone = async (): Promise<boolean> => {
    const now = await kubectl(list);
    return old.every((name) => !now.includes(name));
  };
  await eventually(`the end of the old pods of ${deployment}`, gone, 60_000);
}
