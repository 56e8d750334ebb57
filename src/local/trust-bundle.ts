/** The roots that identity writes, as the ConfigMap `remora-trust-bundle` of every namespace that has pods. */
import { readFileSync, watch } from "node:fs";
import { join } from "node:path";
import type { ConfigMap } from "../api/kubernetes.ts";
import type { Clock } from "../core/clock.ts";
import { millis } from "../core/duration.ts";

/** The kernel tells of changes; this catches file systems where it does not. */
const pollPeriod = millis(500);

/** Calls back with the text of `ca.pem` when it appears and whenever it changes; the result ends that. */
export function watchTrustBundle(
  folder: string,
  clock: Clock,
  onBundle: (pem: string) => void,
): () => void {
  let known = "";
  const look = (): void => {
    let text = "";
    try {
      text = readFileSync(join(folder, "ca.pem"), "utf8");
    } catch {
      // Not written yet.
    }
    if (text === known || !text.includes("-----END CERTIFICATE-----")) return;
    known = text;
    onBundle(text);
  };
  const watcher = watch(folder, { persistent: false }, look);
  watcher.on("error", () => watcher.close());
  let cancel = (): void => undefined;
  const poll = (): void => {
    look();
    cancel = clock.after(pollPeriod, poll);
  };
  poll();
  return () => {
    watcher.close();
    cancel();
  };
}

/** The ConfigMap of one namespace. */
export function createBundleConfigMap(namespace: string, pem: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "remora-trust-bundle", namespace },
    data: { "ca.pem": pem },
  };
}
