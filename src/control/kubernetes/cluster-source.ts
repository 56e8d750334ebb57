/** All that control does with an API server: it reads the mesh's objects and, as one of the replicas, writes status. */
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";
import { createKubernetesClient, type KubernetesClient } from "../../kubernetes/client.ts";
import { type HeldLease, holdLease } from "../../kubernetes/lease.ts";
import { readOwnedMetadata } from "../../kubernetes/owner.ts";
import type { ControlConfig } from "../config.ts";
import type { Source } from "../source.ts";
import { writePolicyStatus } from "./policy-status.ts";
import { createKubernetesSource } from "./source.ts";

type Platform = { readonly clock: Clock; readonly log: Log };

/** The name of control's Lease, ClusterRole and everything else. */
const program = "remora-control";

/** Throws when there is no API server to be found. */
export function openClusterSource(config: ControlConfig, platform: Platform): Source {
  const client = createKubernetesClient(
    config.kubeconfig === "" ? {} : { kubeconfig: config.kubeconfig },
  );
  const source = createKubernetesSource(client, platform);
  const life = { closed: false };
  const stops: (() => Promise<void> | void)[] = [];
  void source.synced.then(async () => {
    const lease = await openLease(client, config, platform);
    if (life.closed) return lease.close();
    const { rootNamespace, trustDomain } = config;
    const options = { ...source, rootNamespace, trustDomain, leading: lease, ...platform };
    stops.push(writePolicyStatus(client, options), () => lease.close());
  });
  return {
    ...source,
    async close() {
      life.closed = true;
      await source.close();
      for (const stop of stops) await stop();
      client.close();
    },
  };
}

async function openLease(
  client: KubernetesClient,
  config: ControlConfig,
  { clock, log }: Platform,
): Promise<HeldLease> {
  const owned = await readOwnedMetadata(client, program).catch((error: unknown) => {
    log.warn({ err: error }, "the Lease will have no owner");
    return undefined;
  });
  return holdLease(client, {
    namespace: config.namespace,
    name: program,
    holder: config.replica,
    clock,
    log,
    ...(owned === undefined ? {} : { metadata: owned }),
  });
}
