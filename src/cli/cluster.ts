/** What commands ask of a cluster's API server: objects by path, lists whole, each read once. */
import { delimiter } from "node:path";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { UserError } from "../local/user-error.ts";
import type { ClusterChoice } from "./cluster-options.ts";

/** A page of this size is a few megabytes even when pods are large. */
const pageSize = "500";

export interface Cluster {
  readonly client: KubernetesClient;
  /** Undefined when there is no such object or kind. */
  get<T>(path: string): Promise<T | undefined>;
  /** All pages; empty when the API server does not know the kind. */
  list<T>(path: string, labelSelector?: string): Promise<readonly T[]>;
  create<T>(path: string, body: unknown, query?: Readonly<Record<string, string>>): Promise<T>;
  close(): void;
}

/** Throws a UserError for a kubeconfig that cannot be used; does not speak to the API server yet. */
export async function openCluster(choice: ClusterChoice): Promise<Cluster> {
  // Only what talks to a cluster pays for loading the library.
  const { createKubernetesClient } = await import("../kubernetes/client.ts");
  const { kubeconfigs, context } = choice;
  try {
    const client = createKubernetesClient({
      ...(kubeconfigs.length > 0 && { kubeconfig: kubeconfigs.join(delimiter) }),
      ...(context !== undefined && { context }),
    });
    return readThrough(client);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const which = context === undefined ? "the kubeconfig" : `the context ${context}`;
    throw new UserError(`${which} cannot be used: ${words}`);
  }
}

/** Answers are kept, so that checks can ask for the same list without a thought. */
function readThrough(client: KubernetesClient): Cluster {
  const known = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, read: () => Promise<T>): Promise<T> => {
    const running = known.get(key) ?? read();
    known.set(key, running);
    return running as Promise<T>;
  };
  return {
    client,
    get: <T>(path: string) =>
      once(path, () => orMissing(client.request<T>({ method: "GET", path }), undefined)),
    list: <T>(path: string, labelSelector?: string) =>
      once(`${path}?${labelSelector ?? ""}`, () => listAll<T>(client, path, labelSelector)),
    create: (path, body, query = {}) => client.request({ method: "POST", path, body, query }),
    close: () => client.close(),
  };
}

async function listAll<T>(
  client: KubernetesClient,
  path: string,
  labelSelector: string | undefined,
): Promise<readonly T[]> {
  const items: T[] = [];
  let next = "";
  do {
    const query = {
      limit: pageSize,
      ...(labelSelector !== undefined && { labelSelector }),
      ...(next !== "" && { continue: next }),
    };
    const page: Page<T> = await orMissing(
      client.request<Page<T>>({ method: "GET", path, query }),
      {},
    );
    items.push(...(page.items ?? []));
    next = page.metadata?.continue ?? "";
  } while (next !== "");
  return items;
}

interface Page<T> {
  readonly items?: readonly T[] | null;
  readonly metadata?: { readonly continue?: string };
}

async function orMissing<T, M>(answer: Promise<T>, missing: M): Promise<T | M> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { status?: number }).status === 404) return missing;
    throw error;
  }
}
