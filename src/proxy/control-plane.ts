/** The sidecar's connections to its control plane: certificates from identity, knowledge from control. */
import type { SecureContext } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { MeshError } from "../core/mesh-error.ts";
import { formatSpiffeId, type SpiffeId } from "../core/spiffe-id.ts";
import { authenticatePeer } from "../credentials/peer.ts";
import type { GrpcClient } from "../protocol/grpc/client.ts";
import { createGrpcClient } from "../protocol/grpc/create-client.ts";
import type { HostAndPort } from "./config.ts";
import { connectTls } from "./transport/connect.ts";
import { Wire, type WireContext } from "./transport/wire.ts";

export interface ControlPlanePeer {
  readonly address: HostAndPort;
  /** The service account of the program that must answer, in the mesh's own namespace. */
  readonly serviceAccount: "remora-identity" | "remora-control";
  readonly trustDomain: string;
  /** Of the moment; a renewed certificate is used by the next connection. */
  readonly secureContext: () => SecureContext | undefined;
}

/** Where the control plane's service accounts live. */
const meshNamespace = "remora-system";

export function createControlPlaneClient(
  peer: ControlPlanePeer,
  wires: WireContext,
  clock: Clock,
): GrpcClient {
  const { address, serviceAccount, trustDomain } = peer;
  const expected = formatSpiffeId({ trustDomain, namespace: meshNamespace, serviceAccount });
  return createGrpcClient({
    authority: `${address.host}:${address.port}`,
    clock,
    dial: async (createEngine) => {
      const context = peer.secureContext();
      if (context === undefined) throw new MeshError("identity_missing", "no certificate yet");
      const socket = await connectTls(address, context);
      try {
        assertPeer(socket, trustDomain, expected);
      } catch (error) {
        socket.destroy();
        throw error;
      }
      const wire = new Wire(wires, { socket, side: "upstream" }, createEngine);
      return { close: () => wire.destroy() };
    },
  });
}

function assertPeer(
  socket: Parameters<typeof authenticatePeer>[0],
  trustDomain: string,
  expected: SpiffeId,
): void {
  const verdict = authenticatePeer(socket, trustDomain, expected);
  if (verdict.kind === "accepted") return;
  throw new MeshError("certificate_rejected", `${expected} expected: ${verdict.reason}`, {
    side: "control",
    scope: "connection",
  });
}
