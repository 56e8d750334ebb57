/** The example shop, its manifests as they are but for the image that a local mesh has no use for. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { awaitRollout, kubectl, project } from "./kube.ts";

export const shopApps: readonly string[] = ["shopper", "web", "catalog", "cart", "ledger"];

interface Manifest {
  readonly kind: string;
  readonly spec?: { readonly template?: { readonly spec: { containers: object[] } } };
}

/** Returns when every workload is ready; `namespace` is the one of the manifests. */
export async function deployShop(image: string): Promise<void> {
  const folder = join(project, "examples/shop/manifests");
  const manifests = readdirSync(folder).flatMap((file) =>
    parseAllDocuments(readFileSync(join(folder, file), "utf8")).map(
      (document) => document.toJS() as Manifest,
    ),
  );
  for (const { spec } of manifests) {
    const pod = spec?.template?.spec;
    if (pod === undefined) continue;
    pod.containers = pod.containers.map((one) => ({
      ...one,
      image,
      imagePullPolicy: "IfNotPresent",
    }));
  }
  // The namespace first: objects of a namespace that is not there are refused.
  const ordered = manifests.sort((a, b) => rank(a) - rank(b));
  const text = ordered.map((manifest) => stringify(manifest)).join("---\n");
  await kubectl(["apply", "-f", "-"], text);
  for (const app of shopApps) await awaitRollout("shop", `deployment/${app}`);
}

function rank({ kind }: Manifest): number {
  return ["Namespace", "ServiceAccount"].indexOf(kind) + 1 || 3;
}
