/** The certificate that the injectors make for themselves, as one replica sees it. */
import { createWatch } from "../../src/core/watch.ts";
import type { ServingCertificate, ServingCertificateFiles } from "../serving-certificate.ts";
import { type CertificateState, endOf } from "./certificate-state.ts";
import type { CertificateObjects } from "./cluster-objects.ts";

export interface ManagedCertificate extends ServingCertificateFiles {
  /** Whether API servers were seen to trust what this replica serves; once they did, it stays true. */
  isTrusted(): boolean;
}

/** Resolves when there is a certificate to serve; the last good one stays when the Secret is gone. */
export async function followCertificate(objects: CertificateObjects): Promise<ManagedCertificate> {
  const pair = createWatch(servingOf(await waitForState(objects)));
  let trusted = false;
  const look = (): void => {
    const state = objects.secret()?.state;
    if (state !== undefined && state.serving.certPem !== pair.current().certPem) {
      pair.set(servingOf(state));
    }
    // A bundle that is taken away later is written again at once; leaving the Service meanwhile would help nobody.
    trusted ||= state !== undefined && isIn(objects.webhook()?.bundle, state.serving.caPem);
  };
  const stops = [objects.secrets.onDelta(look), objects.webhooks.onDelta(look)];
  look();
  return {
    current: () => pair.current(),
    subscribe: (listener) => pair.subscribe(listener),
    isTrusted: () => trusted,
    close() {
      for (const stop of stops) stop();
    },
  };
}

function waitForState(objects: CertificateObjects): Promise<CertificateState> {
  return new Promise((resolve) => {
    const look = (): void => {
      const state = objects.secret()?.state;
      if (state === undefined) return;
      stop();
      resolve(state);
    };
    const stop = objects.secrets.onDelta(look);
    look();
  });
}

function servingOf({ serving }: CertificateState): ServingCertificate {
  return { certPem: serving.certPem, keyPem: serving.keyPem, notAfter: endOf(serving) };
}

function isIn(bundle: string | undefined, caPem: string): boolean {
  return bundle?.includes(caPem) ?? false;
}
