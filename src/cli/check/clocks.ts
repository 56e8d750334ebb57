/** Clocks: a certificate is good from and to a time, and every machine has its own. */
import type { Cluster } from "../cluster.ts";
import { type Check, createCheck, ok, warn } from "./finding.ts";
import type { Lease } from "./objects.ts";

/** Certificates are good from a minute before they are made; half of that is worth a word. */
const tolerated = 30_000;
/** A kubelet renews its lease every ten seconds; this is four times that. */
const leaseAge = 40_000;

/** The API server's time in milliseconds since 1970, exact to a second. Nothing is stored by asking. */
export async function readServerTime(cluster: Cluster): Promise<number> {
  const review = await cluster.create<{
    readonly metadata?: { readonly creationTimestamp?: string };
  }>("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "SelfSubjectReview",
  });
  return Date.parse(review.metadata?.creationTimestamp ?? "");
}

const own = createCheck("clock", async ({ cluster }) => {
  const server = await readServerTime(cluster);
  if (Number.isNaN(server))
    return warn("the API server does not tell its time", "look at it by hand");
  const skew = Math.round((Date.now() - server) / 1_000);
  if (Math.abs(skew) * 1_000 <= tolerated) return ok("this machine and the API server agree");
  const side = skew > 0 ? "ahead of" : "behind";
  return warn(
    `this machine's clock is ${Math.abs(skew)} s ${side} the API server's`,
    "let both follow a time server (chrony, systemd-timesyncd)",
  );
});

/** A node's kubelet writes its own time into its lease. */
const nodeClocks = createCheck("node-clocks", async ({ cluster, now }) => {
  const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  const leases = await cluster.list<Lease>(path);
  const wrong = leases.flatMap(({ metadata, spec }) => {
    const ahead = Date.parse(spec?.renewTime ?? "") - now;
    const words = `${Math.abs(Math.round(ahead / 1_000))} s`;
    if (ahead > tolerated) return [`${metadata.name} is ${words} ahead`];
    if (ahead < -leaseAge - tolerated)
      return [`${metadata.name} is ${words} behind, or not answering`];
    return [];
  });
  if (wrong.length === 0) return ok(`${leases.length} nodes and the API server agree`);
  return warn(
    "nodes and API server disagree on the time; certificates may be refused there",
    "let all follow a time server (chrony, systemd-timesyncd)",
    wrong,
  );
});

export const clockChecks: readonly Check[] = [own];
export const nodeClockChecks: readonly Check[] = [nodeClocks];
