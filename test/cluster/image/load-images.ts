/** The images of the mesh and of the example, made on this machine and loaded into clusters. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "../cluster.ts";
import { buildShopImage, shopImage } from "./app-images.ts";
import { buildRemoraImage } from "./remora-image.ts";

/** What the tests of a cluster are told of them. */
export const imageSettings: Readonly<Record<"REMORA_IMAGE" | "REMORA_SHOP_IMAGE", string>> = {
  REMORA_IMAGE: "localhost/remora:test",
  REMORA_SHOP_IMAGE: shopImage,
};

export async function loadProjectImages(clusters: readonly Cluster[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "remora-images-"));
  try {
    const remora = join(folder, "remora.tar");
    const shop = join(folder, "shop.tar");
    await buildRemoraImage(imageSettings.REMORA_IMAGE, remora);
    await buildShopImage(shop);
    for (const cluster of clusters) {
      for (const file of [remora, shop]) cluster.loadImage(file);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
