/** The two objects of the cluster that hold the webhook's certificate: how they are watched, and how they are written. */
import type { Clock } from "../../src/core/clock.ts";
import type { Log } from "../../src/core/log.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { readOwnedMetadata } from "../../src/kubernetes/owner.ts";
import { type KindWatch, watchKind } from "../../src/kubernetes/watch-kind.ts";
import {
  type CertificateState,
  encodeCertificateState,
  readCertificateState,
} from "./certificate-state.ts";

export const certificateSecret = "remora-injector-certificate";
/** Also the name of the ClusterRole with which everything that we make goes. */
export const injectorName = "remora-injector";

const webhookPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

export interface SecretView {
  readonly resourceVersion: string;
  readonly entries: readonly string[];
  readonly state: CertificateState | undefined;
}

export interface WebhookView {
  readonly names: readonly string[];
  /** What all of its webhooks trust, in PEM; undefined when they disagree. */
  readonly bundle: string | undefined;
}

export interface CertificateObjects {
  readonly secrets: KindWatch<SecretView>;
  readonly webhooks: KindWatch<WebhookView>;
  secret(): SecretView | undefined;
  webhook(): WebhookView | undefined;
  /** Rejects with a conflict when somebody else wrote since `secret()` was read. */
  writeSecret(state: CertificateState): Promise<void>;
  /** Rejects when the webhooks are no longer those that `webhook()` names. */
  writeBundle(bundle: string): Promise<void>;
  close(): void;
}

export function openCertificateObjects(options: {
  readonly client: KubernetesClient;
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
}): CertificateObjects {
  const { client, namespace, clock, log } = options;
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const named = (name: string): string => `metadata.name=${name}`;
  const secrets = watchKind<SecretView>(
    client,
    { path, fieldSelector: named(certificateSecret) },
    { trim: trimSecret, clock, log },
  );
  const webhooks = watchKind<WebhookView>(
    client,
    { path: webhookPath, fieldSelector: named(injectorName) },
    { trim: trimWebhook, clock, log },
  );
  const secret = (): SecretView | undefined => secrets.get(`${namespace}/${certificateSecret}`);
  const webhook = (): WebhookView | undefined => webhooks.get(injectorName);
  return {
    secrets,
    webhooks,
    secret,
    webhook,
    async writeSecret(state) {
      const before = secret();
      const data = encodeCertificateState(state);
      if (before === undefined) return await createSecret(client, path, namespace, data);
      const gone = before.entries.filter((entry) => !Object.hasOwn(data, entry));
      await client.request({
        method: "PATCH",
        path: `${path}/${certificateSecret}`,
        contentType: "application/merge-patch+json",
        body: {
          metadata: { resourceVersion: before.resourceVersion },
          data: { ...data, ...Object.fromEntries(gone.map((entry) => [entry, null])) },
        },
      });
    },
    async writeBundle(bundle) {
      const caBundle = Buffer.from(bundle).toString("base64");
      await client.request({
        method: "PATCH",
        path: `${webhookPath}/${injectorName}`,
        contentType: "application/json-patch+json",
        query: { fieldManager: injectorName },
        body: (webhook()?.names ?? []).flatMap((name, index) => [
          { op: "test", path: `/webhooks/${index}/name`, value: name },
          { op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle },
        ]),
      });
    },
    close() {
      secrets.close();
      webhooks.close();
    },
  };
}

type Trim<T> = Parameters<typeof watchKind<T>>[2]["trim"];

const trimSecret: Trim<SecretView> = (raw) => {
  const data = (raw["data"] ?? {}) as Readonly<Record<string, string>>;
  return {
    resourceVersion: raw.metadata.resourceVersion ?? "",
    entries: Object.keys(data),
    state: readCertificateState(data),
  };
};

const trimWebhook: Trim<WebhookView> = (raw) => {
  const webhooks = (raw["webhooks"] ?? []) as readonly {
    readonly name: string;
    readonly clientConfig?: { readonly caBundle?: string };
  }[];
  const bundles = new Set(webhooks.map(({ clientConfig }) => clientConfig?.caBundle ?? ""));
  const [only] = bundles;
  return {
    names: webhooks.map(({ name }) => name),
    bundle:
      only === undefined || bundles.size > 1 ? undefined : Buffer.from(only, "base64").toString(),
  };
};

async function createSecret(
  client: KubernetesClient,
  path: string,
  namespace: string,
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const metadata = await readOwnedMetadata(client, injectorName);
  await client.request({
    method: "POST",
    path,
    body: {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...metadata, name: certificateSecret, namespace },
      type: "kubernetes.io/tls",
      data,
    },
  });
}
