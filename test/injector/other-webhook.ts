/** Another vendor's injector, as secret stores and monitors bring one: it puts its containers ahead of ours, once. */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { makeServingPair } from "../../injector/certificate/make-pair.ts";
import { seconds } from "../../src/core/duration.ts";
import type { ClusterFixture } from "./cluster-fixture.ts";

interface Question {
  readonly request: {
    readonly uid: string;
    readonly object: { readonly spec: { readonly initContainers?: readonly { name: string }[] } };
  };
}

/** Called after ours, whose name comes first; asked about pods of the namespace alone. */
export async function startOtherWebhook(
  cluster: ClusterFixture,
  namespace: string,
): Promise<{ close(): void }> {
  const pair = makeServingPair({
    dnsNames: ["localhost"],
    uri: "spiffe://example/other",
    trustDomain: "example",
    lifetime: seconds(600),
    now: Date.now(),
  });
  const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (request, response) => {
    void buffer(request).then((body) => {
      const review = JSON.parse(body.toString()) as Question;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ ...review, request: undefined, response: answer(review) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await cluster.client.request({
    method: "POST",
    path: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    body: {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name: "zz-other" },
      webhooks: [
        {
          name: "other.example.com",
          admissionReviewVersions: ["v1"],
          clientConfig: {
            url: `https://localhost:${port}/`,
            caBundle: Buffer.from(pair.caPem).toString("base64"),
          },
          rules: [
            { apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] },
          ],
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          reinvocationPolicy: "IfNeeded",
          sideEffects: "None",
        },
      ],
    },
  });
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer({ request }: Question): object {
  const { uid, object } = request;
  const there = object.spec.initContainers?.some(({ name }) => name === "secrets-init") ?? false;
  const image = "other";
  const patch = [
    { op: "add", path: "/spec/initContainers/0", value: { name: "secrets-init", image } },
    {
      op: "add",
      path: "/spec/containers/-",
      value: { name: "agent", image, readinessProbe: { httpGet: { path: "/ok", port: 8_200 } } },
    },
  ];
  const base64 = Buffer.from(JSON.stringify(patch)).toString("base64");
  return { uid, allowed: true, ...(!there && { patchType: "JSONPatch", patch: base64 }) };
}
