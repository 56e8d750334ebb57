/** Does the webhook answer, with a certificate that API servers take? The proof is a pod that is not created. */
import { injectLabel, statusAnnotation } from "../../../injector/options.ts";
import { meshNamespace } from "../cluster-options.ts";
import { judgeEnd, readCertificates } from "./certificates.ts";
import { type Check, createCheck, fail, ok, warn } from "./finding.ts";
import type { Named, WebhookConfiguration } from "./objects.ts";
import { findOptedIn } from "./workloads.ts";

const logs = `kubectl logs -n ${meshNamespace} deploy/remora-injector`;

const certificate = createCheck("webhook-certificate", async ({ cluster, now }) => {
  const configuration = await cluster.get<WebhookConfiguration>(
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/remora-injector",
  );
  if (configuration === undefined) {
    return fail(
      "there is no webhook, so no pod gets a sidecar",
      "remora install | kubectl apply -f -",
    );
  }
  const bundles = (configuration.webhooks ?? []).map(({ clientConfig }) => clientConfig.caBundle);
  const pems = bundles.map((text) => Buffer.from(text ?? "", "base64").toString("utf8"));
  const read = pems.map(readCertificates);
  if (read.length === 0 || read.includes(undefined)) {
    return fail("the injector has not written the webhook's caBundle yet", logs);
  }
  const ends = read.flatMap((list = []) => list.map((one) => judgeEnd(one, now)));
  const alive = ends.filter(({ state }) => state !== "ended");
  if (alive.length === 0) return fail("the webhook's certificate has ended", logs);
  const [best = alive[0]] = alive.filter(({ state }) => state === "good");
  const text = best?.text ?? "";
  return best?.state === "good"
    ? ok(`the caBundle ${text}`)
    : warn(`the caBundle ${text} and was not renewed`, logs);
});

const answers = createCheck("webhook", async ({ cluster }) => {
  const [namespace = "default"] = await findOptedIn(cluster);
  try {
    const pod = await cluster.create<Named>(
      `/api/v1/namespaces/${namespace}/pods`,
      createProbe(namespace),
      { dryRun: "All" },
    );
    if (pod.metadata.annotations?.[statusAnnotation] !== undefined) {
      return ok("a new pod would get its sidecar");
    }
    return fail("a new pod would get no sidecar, though the webhook was asked", logs);
  } catch (error) {
    const { status = 0, message = "" } = error as { status?: number; message?: string };
    if (/webhook/.test(message)) {
      return fail("pods of opted-in namespaces cannot be created", logs, [message]);
    }
    const next = `kubectl auth can-i create pods -n ${namespace}`;
    if (status === 403)
      return warn("a trial pod was refused, so this is not known", next, [message]);
    throw error;
  }
});

/** Meets the strictest pod security, so that only the webhook has a say. */
function createProbe(namespace: string): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { generateName: "remora-check-", namespace, labels: { [injectLabel]: "enabled" } },
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "app",
          image: "remora.dev/check",
          securityContext: {
            allowPrivilegeEscalation: false,
            runAsUser: 65_532,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}

export const webhookChecks: readonly Check[] = [certificate, answers];
