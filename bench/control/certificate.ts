/** Certificates from the real identity program, asked as a sidecar asks. */
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { systemClock } from "../../src/core/clock.ts";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import { createCaClient } from "../../src/credentials/ca-client.ts";
import type { GrpcClient } from "../../src/protocol/grpc/client.ts";
import { createCsr } from "../../src/protocol/x509/csr-request.ts";
import { createControlPlaneClient } from "../../src/proxy/control-plane.ts";
import { createWireContext, startTicking } from "../../src/proxy/transport/wire-context.ts";
import { homeNamespace, serviceAccount } from "./objects.ts";

export interface IdentityPlace {
  readonly identityPort: number;
  readonly tokenFile: string;
  readonly bundleFile: string;
}

const trustDomain = "cluster.local";

export function connectIdentity({ identityPort, bundleFile }: IdentityPlace): {
  readonly grpc: GrpcClient;
  close(): void;
} {
  const wires = createWireContext();
  const stop = startTicking(wires, systemClock);
  const context = createSecureContext({ ca: readFileSync(bundleFile), minVersion: "TLSv1.3" });
  const address = { host: "127.0.0.1", port: identityPort };
  const grpc = createControlPlaneClient(
    { address, serviceAccount: "remora-identity", trustDomain, secureContext: () => context },
    wires,
    systemClock,
  );
  return {
    grpc,
    close() {
      grpc.close();
      stop();
    },
  };
}

export function csrOf(key: KeyObject): string {
  return createCsr(key, formatSpiffeId({ trustDomain, namespace: homeNamespace, serviceAccount }));
}

/** One certificate, as options of a TLS context. */
export async function requestCertificate(
  place: IdentityPlace,
  key: KeyObject,
): Promise<{ readonly cert: string; readonly key: string; readonly ca: Buffer }> {
  const identity = connectIdentity(place);
  const chain = await createCaClient({ grpc: identity.grpc, tokenFile: place.tokenFile })(
    csrOf(key),
  );
  identity.close();
  return {
    cert: chain.slice(0, -1).join(""),
    key: key.export({ type: "pkcs8", format: "pem" }),
    ca: readFileSync(place.bundleFile),
  };
}
