/** The chart is upgraded and uninstalled under load: pods go on, and nothing that was the mesh's stays behind. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../control/eventually.ts";
import { kubectl } from "./kube.ts";
import { assertUnharmed, countRequests, startLoad, whyNoLoad } from "./load.ts";
import { installMesh, meshNamespace, uninstallMesh } from "./mesh.ts";

interface Thing {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

const mesh = ["-n", meshNamespace];

describe("the chart under load", { skip: whyNoLoad }, () => {
  before(() => installMesh());
  // The last test has done so; after a failure before it, this does.
  after(async () => {
    const releases = await kubectl(["get", "secrets", ...mesh, "-l", "owner=helm", "-o=name"]);
    if (releases !== "") await uninstallMesh();
    else await kubectl(["delete", "namespace", meshNamespace, "--ignore-not-found"]);
  });

  test("an upgrade that replaces every program fails nothing, and cuts no connection", async (context) => {
    const load = await startLoad(context, "kube-upgrade", { held: true });
    const old = await programPods();
    await installMesh("logLevel=debug");
    const gone = async (): Promise<boolean> => {
      const now = await programPods();
      return old.every((name) => !now.includes(name));
    };
    await eventually("the end of the old programs", gone, 60_000);
    assertUnharmed(await load.end());
  });

  test("an uninstall leaves nothing, and pods go on", async (context) => {
    const load = await startLoad(context, "kube-uninstall", { held: true });
    await installMesh("crds.keep=false");
    await uninstallMesh();
    const left = async (): Promise<boolean> => (await listLeft()).length === 0;
    await eventually("the end of what the mesh has made", left, 60_000).catch(async () => {
      assert.deepEqual(await listLeft(), []);
    });
    const before = await countRequests(load.namespace);
    const more = async (): Promise<boolean> =>
      (await countRequests(load.namespace)) > before + 1_000;
    await eventually("a thousand requests more", more, 60_000);
    assertUnharmed(await load.end());
  });
});

async function programPods(): Promise<readonly string[]> {
  return (await kubectl(["get", "pods", ...mesh, "-o=name"])).trim().split("\n");
}

/** What carries the mesh's name or labels, of every kind that the API server lists. */
async function listLeft(): Promise<readonly string[]> {
  const kinds = (await kubectl(["api-resources", "--verbs=list", "-o=name"])).trim().split("\n");
  const asked = kinds.filter((kind) => !kind.startsWith("events")).join(",");
  const { items } = JSON.parse(
    await kubectl(["get", asked, "-A", "--ignore-not-found", "-o=json"]),
  ) as { readonly items: readonly Thing[] };
  return items.filter(isOfMesh).map(({ kind, metadata }) => {
    return [kind, metadata.namespace, metadata.name].filter(Boolean).join("/");
  });
}

function isOfMesh({ metadata: { name, labels = {} } }: Thing): boolean {
  const labelled = ["app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"].some(
    (key) => labels[key] === "remora",
  );
  return labelled || name.includes("remora");
}
