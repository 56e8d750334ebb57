/** The probes of the pod's containers, which the kubelet asks of the sidecar so that strict mTLS does not break them. */
import type { Probe } from "../../api/kubernetes.ts";

/** From `/probe/CONTAINER/KIND` to the probe that the pod's author wrote, its port a number. */
export type ProbeTable = ReadonlyMap<string, Probe>;

/** Throws an Error that says what was expected. */
export function parseProbes(json: string): ProbeTable {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Error(`expected JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("expected an object from path to probe");
  }
  for (const [path, probe] of Object.entries(value)) {
    const { httpGet, tcpSocket, grpc } = probe as Probe;
    const port = (httpGet ?? tcpSocket ?? grpc)?.port;
    if (!path.startsWith("/probe/") || typeof port !== "number") {
      throw new Error(
        `${path}: expected a probe of kind httpGet, tcpSocket or grpc with a number as port`,
      );
    }
  }
  return new Map(Object.entries(value as Record<string, Probe>));
}
