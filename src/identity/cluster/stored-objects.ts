/** Reads and writes single Secrets and ConfigMaps of one namespace. */
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { isConflict, isNotFound } from "../../kubernetes/kubernetes-error.ts";
import type { OwnedMetadata } from "../../kubernetes/owner.ts";

export interface StoredObject {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** Of a Secret. */
  readonly type?: string;
  /** Of a Secret in base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export type StoredKind = "secrets" | "configmaps";

export interface StoredObjects {
  read(kind: StoredKind, name: string): Promise<StoredObject | undefined>;
  /** False when there is one of that name already. */
  create(kind: StoredKind, object: StoredObject): Promise<boolean>;
  /** Writes over the version that was read; rejects with a conflict when somebody was faster. */
  replace(kind: StoredKind, object: StoredObject): Promise<StoredObject>;
  /** It may be gone already. */
  remove(kind: StoredKind, name: string): Promise<void>;
}

/** What is created carries `owned`, so that it goes with the installation. */
export function createStoredObjects(
  client: Pick<KubernetesClient, "request">,
  namespace: string,
  owned: OwnedMetadata,
): StoredObjects {
  const pathOf = (kind: StoredKind, name = ""): string =>
    `/api/v1/namespaces/${namespace}/${kind}${name === "" ? "" : `/${name}`}`;
  return {
    async read(kind, name) {
      try {
        return await client.request<StoredObject>({ method: "GET", path: pathOf(kind, name) });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async create(kind, object) {
      const metadata = { ...object.metadata, ...owned, namespace };
      try {
        const body = { ...object, metadata };
        await client.request({ method: "POST", path: pathOf(kind), body });
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        throw error;
      }
    },
    async replace(kind, object) {
      const path = pathOf(kind, object.metadata.name);
      return await client.request<StoredObject>({ method: "PUT", path, body: object });
    },
    async remove(kind, name) {
      try {
        await client.request({ method: "DELETE", path: pathOf(kind, name) });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}
