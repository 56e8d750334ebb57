/**
 * Keeps the trust bundle as a ConfigMap in every namespace that takes part in the mesh: those that opted in, those with a
 * pod that did, and the mesh's own. What somebody changes by hand is put right; what nobody mounts any more is removed.
 */
import type { BackoffConfig } from "../../core/backoff.ts";
import { backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { type Millis, millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { isConflict, isNotFound, KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import type { OwnedMetadata } from "../../kubernetes/owner.ts";
import type { RawList, RawObject } from "../../kubernetes/raw-object.ts";
import { type KindWatch, watchKind } from "../../kubernetes/watch-kind.ts";

export const bundleName = "remora-trust-bundle";
const bundleKey = "ca.pem";
const injectLabel = "remora.dev/inject";
const managerLabel = "app.kubernetes.io/managed-by";

export interface PublisherOptions {
  readonly client: KubernetesClient;
  /** Where the mesh's own programs mount it. */
  readonly ownNamespace: string;
  readonly owned: OwnedMetadata;
  readonly clock: Clock;
  readonly log: Log;
  readonly onWrite: (result: "ok" | "failed") => void;
}

export interface BundlePublisher {
  /** What every namespace shall have from now on; nothing is written before the first. */
  set(pem: string): void;
  /** How many namespaces have it, and how many shall but do not yet. */
  progress(): { readonly namespaces: number; readonly pending: number };
  close(): void;
}

/** A burst of namespaces becomes one pass. */
const gatherFor = millis(50);
/** What nobody mounts any more is looked for so often. */
const passInterval = seconds(60);
const retry: BackoffConfig = { base: millis(500), max: seconds(30) };

interface PublishedMap {
  readonly pem: string | undefined;
  readonly isOurs: boolean;
}

export function startBundlePublisher(options: PublisherOptions): BundlePublisher {
  return new Publisher(options);
}

class Publisher implements BundlePublisher {
  readonly #options: PublisherOptions;
  readonly #namespaces: KindWatch<true>;
  readonly #pods: KindWatch<string>;
  readonly #maps: KindWatch<PublishedMap>;
  #pem: string | undefined;
  #stopTimer: () => void = () => {};
  #running = false;
  #again = false;
  #closed = false;
  #attempt = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { client, clock, log } = options;
    const common = { clock, log };
    const optedIn = { labelSelector: `${injectLabel}=enabled`, metadataOnly: true };
    this.#namespaces = watchKind<true>(
      client,
      { path: "/api/v1/namespaces", ...optedIn },
      { ...common, trim: (raw) => (isEnding(raw) ? undefined : true) },
    );
    this.#pods = watchKind<string>(
      client,
      { path: "/api/v1/pods", ...optedIn },
      { ...common, trim: (raw) => raw.metadata.namespace },
    );
    this.#maps = watchKind<PublishedMap>(
      client,
      { path: "/api/v1/configmaps", fieldSelector: `metadata.name=${bundleName}` },
      { ...common, trim: trimMap },
    );
    for (const watch of [this.#namespaces, this.#pods, this.#maps]) {
      watch.onDelta(() => this.#schedule(gatherFor));
    }
    this.#schedule(gatherFor);
  }

  set(pem: string): void {
    if (pem === this.#pem) return;
    this.#pem = pem;
    this.#schedule(millis(0));
  }

  progress(): { readonly namespaces: number; readonly pending: number } {
    const wanted = this.#wanted();
    const pending = [...wanted].filter((namespace) => !this.#isCurrent(namespace)).length;
    return { namespaces: wanted.size - pending, pending: this.#isSynced() ? pending : 1 };
  }

  close(): void {
    this.#closed = true;
    this.#stopTimer();
    for (const watch of [this.#namespaces, this.#pods, this.#maps]) watch.close();
  }

  #schedule(delay: Millis): void {
    if (this.#closed) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#stopTimer();
    this.#stopTimer = this.#options.clock.after(delay, () => void this.#pass());
  }

  async #pass(): Promise<void> {
    this.#running = true;
    this.#again = false;
    let failures = 0;
    if (this.#pem !== undefined && this.#isSynced()) failures = await this.#reconcile(this.#pem);
    this.#running = false;
    this.#attempt = failures > 0 ? this.#attempt + 1 : 0;
    if (failures > 0) this.#schedule(backoffDelay(retry, this.#attempt - 1));
    else this.#schedule(this.#again || !this.#isSynced() ? gatherFor : passInterval);
  }

  async #reconcile(pem: string): Promise<number> {
    const wanted = this.#wanted();
    let failures = 0;
    const attempt = async (namespace: string, work: Promise<void>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        if (isGoneNamespace(error)) return;
        failures += 1;
        this.#options.onWrite("failed");
        this.#options.log.warn({ namespace, err: error }, "trust bundle not written");
      }
    };
    for (const namespace of wanted) {
      if (this.#closed) return 0;
      if (!this.#isCurrent(namespace)) await attempt(namespace, this.#write(namespace, pem));
    }
    for (const [key, { isOurs }] of this.#maps.current()) {
      const namespace = key.split("/", 1)[0] ?? "";
      if (this.#closed || !isOurs || wanted.has(namespace)) continue;
      await attempt(namespace, this.#removeUnused(namespace));
    }
    return failures;
  }

  async #write(namespace: string, pem: string): Promise<void> {
    const { client, owned, onWrite } = this.#options;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const metadata = { ...owned, name: bundleName, namespace };
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { [bundleKey]: pem } };
    try {
      await client.request({ method: "POST", path, body });
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Without a version: whatever stands there is replaced as a whole, other people's keys included.
      await client.request({ method: "PUT", path: `${path}/${bundleName}`, body });
    }
    onWrite("ok");
    this.#options.log.info({ namespace }, "trust bundle written");
  }

  /** A namespace that opted out may still have pods that mount it; without it they could not start again. */
  async #removeUnused(namespace: string): Promise<void> {
    const { client, log } = this.#options;
    const pods = await client.request<RawList>({
      method: "GET",
      path: `/api/v1/namespaces/${namespace}/pods`,
      query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
    });
    const isMounted = (pods.items ?? []).some(
      ({ metadata }) => metadata.annotations?.["remora.dev/injected"] !== undefined,
    );
    if (isMounted) return;
    const path = `/api/v1/namespaces/${namespace}/configmaps/${bundleName}`;
    await client.request({ method: "DELETE", path });
    log.info({ namespace }, "trust bundle removed");
  }

  #wanted(): Set<string> {
    const pods = this.#pods.current().values();
    return new Set([this.#options.ownNamespace, ...this.#namespaces.current().keys(), ...pods]);
  }

  #isCurrent(namespace: string): boolean {
    const map = this.#maps.get(`${namespace}/${bundleName}`);
    return map !== undefined && map.isOurs && map.pem === this.#pem;
  }

  #isSynced(): boolean {
    return [this.#namespaces, this.#pods, this.#maps].every((watch) => watch.isSynced());
  }
}

function trimMap(raw: RawObject): PublishedMap {
  const data = (raw["data"] ?? {}) as Readonly<Record<string, string>>;
  const onlyOurs = Object.keys(data).length === 1;
  return {
    pem: onlyOurs ? data[bundleKey] : undefined,
    isOurs: raw.metadata.labels?.[managerLabel] === "remora",
  };
}

function isEnding(raw: RawObject): boolean {
  return (raw.metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined;
}

/** Nothing can be created in a namespace that is being deleted, and nothing is left to do in one that is gone. */
function isGoneNamespace(error: unknown): boolean {
  if (isNotFound(error)) return true;
  return (
    error instanceof KubernetesError &&
    error.status === 403 &&
    error.message.includes("is being terminated")
  );
}
