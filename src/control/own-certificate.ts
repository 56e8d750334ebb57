/** Control's own certificate, got from the identity service like that of every workload. */
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { formatSpiffeId } from "../core/spiffe-id.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import { createCredentials } from "../credentials/credentials.ts";
import { createGrpcJsCaClient } from "../credentials/grpc-js-ca-client.ts";
import type { ServerIdentity } from "../credentials/grpc-js-server-credentials.ts";
import { openTrustBundle } from "../credentials/trust-bundle.ts";
import type { ControlConfig } from "./config.ts";

export interface OwnCertificate extends Watch<ServerIdentity | undefined> {
  close(): void;
}

/** Undefined until the identity service has answered; asks again for as long as it takes. Throws without a bundle. */
export function openOwnCertificate(config: ControlConfig, clock: Clock, log: Log): OwnCertificate {
  const { trustDomain, namespace, serviceAccount } = config;
  const trustBundle = openTrustBundle(config.trustBundleFile, clock, log);
  const credentials = createCredentials({
    requestCertificate: createGrpcJsCaClient({
      address: config.identityAddress,
      tokenFile: config.tokenFile,
      context: () => credentials.identityContext(),
      trustDomain,
      authorityId: formatSpiffeId({ trustDomain, ...config.identityAccount }),
    }),
    trustBundle,
    id: formatSpiffeId({ trustDomain, namespace, serviceAccount }),
    trustDomain,
    clock,
    log,
  });
  const own = createWatch<ServerIdentity | undefined>(undefined);
  credentials.tls.subscribe((tls) => {
    // An ended certificate is still served: the peer's refusal says more than a closed port.
    if (tls === undefined) return;
    own.set({
      certificatePem: tls.certificate.chainPem,
      privateKeyPem: tls.certificate.privateKeyPem,
      trustBundlePem: trustBundle.current().pem,
    });
  });
  return {
    current: () => own.current(),
    subscribe: (listener) => own.subscribe(listener),
    close() {
      credentials.close();
      trustBundle.close();
    },
  };
}
