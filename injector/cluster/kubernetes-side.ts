/** Everything that the injector does with an API server, none of it while a review waits. */
import type { Namespace } from "../../src/api/kubernetes.ts";
import { backoffDelay } from "../../src/core/backoff.ts";
import type { Clock } from "../../src/core/clock.ts";
import { seconds } from "../../src/core/duration.ts";
import type { Log } from "../../src/core/log.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { createEventRecorder, type EventRecorder } from "../../src/kubernetes/events.ts";
import { type HeldLease, holdLease } from "../../src/kubernetes/lease.ts";
import { type OwnedMetadata, readOwnedMetadata } from "../../src/kubernetes/owner.ts";
import type { RawObject } from "../../src/kubernetes/raw-object.ts";
import { type KindWatch, watchKind } from "../../src/kubernetes/watch-kind.ts";
import { injectorName } from "../certificate/cluster-objects.ts";
import type { InjectorConfig, KubernetesConfig } from "../config.ts";
import type { NamespaceMeta } from "../eligibility.ts";
import { injectLabel } from "../options.ts";
import { configPrefix } from "../tuning.ts";
import { type MeshCounts, noCounts, reportMesh } from "./mesh-report.ts";

const retry = { base: seconds(1), max: seconds(10) };

export interface KubernetesSide {
  readonly client: KubernetesClient;
  readonly namespaces: KindWatch<NamespaceMeta>;
  readonly events: EventRecorder;
  readonly lease: HeldLease;
  meshCounts(): MeshCounts;
  close(): Promise<void>;
}

/** Waits for the API server for as long as it takes; rejects when nothing says where there is one. */
export async function openKubernetesSide(
  config: InjectorConfig,
  { kubeconfig, replica }: KubernetesConfig,
  platform: { readonly clock: Clock; readonly log: Log },
): Promise<KubernetesSide> {
  const client = createKubernetesClient(kubeconfig === undefined ? {} : { kubeconfig });
  const namespaces = watchKind<NamespaceMeta>(
    client,
    { path: "/api/v1/namespaces", metadataOnly: true },
    { trim: trimNamespace, ...platform },
  );
  const events = createEventRecorder(client, { component: injectorName, ...platform });
  const lease = holdLease(client, {
    namespace: config.namespace,
    name: injectorName,
    holder: replica,
    metadata: await readOwner(client, platform),
    ...platform,
  });
  const { version } = config.injection;
  const ownNamespace = config.namespace;
  const startReport = () =>
    reportMesh({ client, namespaces, ownNamespace, version, events, ...platform });
  let report = lease.current() ? startReport() : undefined;
  const stop = lease.subscribe((isHolder) => {
    report?.close();
    report = isHolder ? startReport() : undefined;
  });
  return {
    client,
    namespaces,
    events,
    lease,
    meshCounts: () => report?.current() ?? noCounts,
    async close() {
      stop();
      report?.close();
      await lease.close();
      namespaces.close();
      await events.idle();
      client.close();
    },
  };
}

/** A replica that ended instead would be started again later and later, and come back long after the API server. */
async function readOwner(
  client: KubernetesClient,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<OwnedMetadata> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await readOwnedMetadata(client, injectorName);
    } catch (error) {
      const pause = backoffDelay(retry, attempt);
      log.warn({ err: error, pause }, "the API server does not answer");
      await new Promise<void>((resolve) => void clock.after(pause, resolve));
    }
  }
}

/** Of the labels and annotations of a namespace only ours are kept. */
function trimNamespace({ metadata }: RawObject): NamespaceMeta {
  const { labels = {}, annotations = {} }: Partial<Namespace["metadata"]> = metadata;
  const own = labels[injectLabel];
  return {
    labels: own === undefined ? {} : { [injectLabel]: own },
    annotations: Object.fromEntries(
      Object.entries(annotations).filter(([key]) => key.startsWith(configPrefix)),
    ),
  };
}
