/** The smallest mesh of its own for a judge: a server behind a Service, and a client that waits for commands. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stringify } from "yaml";
import { type Mesh, startMesh } from "./mesh.ts";

export interface TwoPodsOptions {
  /** Namespace of both, and part of the mesh's name. */
  readonly purpose: string;
  /** Name of the Service and of the Deployment `server`'s pods. */
  readonly service: string;
  readonly command: readonly string[];
  /** The Service's ports; the first is the one that tells when the server is ready. */
  readonly ports: readonly {
    readonly port: number;
    readonly name?: string;
    readonly appProtocol?: string;
  }[];
}

/** The pods are `deploy/client` and `deploy/<service>`. Disposing of the mesh takes everything away. */
export async function startTwoPods(options: TwoPodsOptions): Promise<Mesh> {
  const folder = mkdtempSync(join(tmpdir(), `remora-${options.purpose}-`));
  const file = join(folder, "pods.yaml");
  writeFileSync(file, manifest(options));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const name = relative("test/mesh/manifests", file);
    const mesh = await startMesh(options.purpose, [name], { namespace: options.purpose });
    return {
      ...mesh,
      // The mesh follows edits of its manifests, so they stay for as long as it runs.
      async [Symbol.asyncDispose]() {
        await mesh[Symbol.asyncDispose]();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function manifest({ purpose: namespace, service, command, ports }: TwoPodsOptions): string {
  const [{ port } = { port: 0 }] = ports;
  const readinessProbe = { tcpSocket: { port }, periodSeconds: 1 };
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: { "remora.dev/inject": "enabled" } },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: service, namespace },
      spec: { selector: { app: service }, ports },
    },
    deployment(namespace, service, { name: "server", command, readinessProbe }),
    deployment(namespace, "client", { name: "client", command: ["sleep", "infinity"] }),
  ]
    .map((object) => stringify(object))
    .join("---\n");
}

function deployment(namespace: string, name: string, container: object): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}
