/** Tells by a metric which trust bundle a program has in force, so that a root is not replaced before all know the new one. */
import { computed, type MetricFamily } from "../core/metrics.ts";

/** `hash` gives the bundle's fingerprint, or undefined while there is none. */
export function createBundleInfo(hash: () => string | undefined): MetricFamily {
  const help = "The trust bundle in force, by its fingerprint";
  return computed("remora_trust_bundle_info", help, () => {
    const current = hash();
    return current === undefined ? [] : [{ labels: { hash: current }, value: 1 }];
  });
}
