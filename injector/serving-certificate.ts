/** The webhook's certificate and key in files that change under us: a mounted Secret is replaced by a swap of symbolic links. */
import { X509Certificate } from "node:crypto";
import { readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import { createSecureContext } from "node:tls";
import type { Clock } from "../src/core/clock.ts";
import { seconds } from "../src/core/duration.ts";
import type { Log } from "../src/core/log.ts";
import { createWatch, type Watch } from "../src/core/watch.ts";

export interface ServingCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** Wall time in milliseconds. */
  readonly notAfter: number;
}

export interface ServingCertificateFiles extends Watch<ServingCertificate> {
  close(): void;
}

/** Notifications get lost (the kubelet replaces the directory that is watched); the poll finds what they miss. */
const pollInterval = seconds(10);

/** Throws when the files hold no pair now; later failures are logged and the last good pair stays. */
export function openServingCertificate(
  certFile: string,
  keyFile: string,
  clock: Clock,
  log: Log,
): ServingCertificateFiles {
  const pair = createWatch(readPair(certFile, keyFile));
  const read = (): void => {
    try {
      const next = readPair(certFile, keyFile);
      const { certPem, keyPem } = pair.current();
      if (next.certPem === certPem && next.keyPem === keyPem) return;
      pair.set(next);
      log.info({ notAfter: new Date(next.notAfter).toISOString() }, "serving certificate changed");
    } catch (error) {
      // Between the two files of a swap this is normal; the next look finds them both.
      log.warn(
        { certFile, err: error },
        "serving certificate not reloaded, the last good one stays",
      );
    }
  };
  const stopWatching = watchFolder(dirname(certFile), read);
  let stopPoll = clock.after(pollInterval, poll);
  function poll(): void {
    read();
    stopPoll = clock.after(pollInterval, poll);
  }
  return {
    current: () => pair.current(),
    subscribe: (listener) => pair.subscribe(listener),
    close() {
      stopWatching();
      stopPoll();
    },
  };
}

function readPair(certFile: string, keyFile: string): ServingCertificate {
  const certPem = readFileSync(certFile, "utf8");
  const keyPem = readFileSync(keyFile, "utf8");
  // OpenSSL refuses a key that is not the certificate's.
  createSecureContext({ cert: certPem, key: keyPem });
  return { certPem, keyPem, notAfter: new X509Certificate(certPem).validToDate.getTime() };
}

/** Where watching is not possible the poll alone does. */
function watchFolder(folder: string, onChange: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => undefined;
  }
}
