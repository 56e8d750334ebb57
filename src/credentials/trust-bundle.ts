/** The trust anchors in a file that changes under us: a mounted ConfigMap is replaced by a swap of symbolic links. */
import { X509Certificate } from "node:crypto";
import { readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../core/clock.ts";
import { seconds } from "../core/duration.ts";
import type { Log } from "../core/log.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import { bundleFingerprint } from "../protocol/x509/fingerprint.ts";
import { encodePem, parsePem } from "../protocol/x509/pem.ts";

export interface TrustBundle {
  /** The anchors one after another, in the form that OpenSSL reads. */
  readonly pem: string;
  readonly count: number;
  /** The same for the same anchors in any order; what a sidecar reports of its bundle. */
  readonly hash: string;
}

export interface TrustBundleFile extends Watch<TrustBundle> {
  close(): void;
}

/** A ConfigMap has at most 1 MB; a mesh has one root, two while it rotates, some more with federation. */
const maxAnchors = 100;
/** Notifications get lost (the kubelet replaces the directory that is watched); the poll finds what they miss. */
const pollInterval = seconds(10);

/** Throws when the file holds no anchor now; later failures are logged and the last good bundle stays. */
export function openTrustBundle(file: string, clock: Clock, log: Log): TrustBundleFile {
  let text = readFileSync(file, "utf8");
  const bundle = createWatch(parseTrustBundle(text));
  const read = (): void => {
    try {
      const next = readFileSync(file, "utf8");
      if (next === text) return;
      const parsed = parseTrustBundle(next);
      text = next;
      log.info({ file, anchors: parsed.count }, "trust bundle changed");
      bundle.set(parsed);
    } catch (error) {
      log.warn({ file, err: error }, "trust bundle not reloaded, the last good one stays");
    }
  };
  const stopWatching = watchDirectory(dirname(file), read);
  let stopPoll = clock.after(pollInterval, poll);
  function poll(): void {
    read();
    stopPoll = clock.after(pollInterval, poll);
  }
  return {
    current: () => bundle.current(),
    subscribe: (listener) => bundle.subscribe(listener),
    close() {
      stopWatching();
      stopPoll();
    },
  };
}

/** Throws an Error unless the text is PEM certificates of authorities, at least one. */
export function parseTrustBundle(text: string): TrustBundle {
  const blocks = parsePem(text)?.filter(({ label }) => label === "CERTIFICATE");
  if (blocks === undefined || blocks.length === 0) throw new Error("no certificate in PEM form");
  if (blocks.length > maxAnchors) throw new Error(`more than ${maxAnchors} certificates`);
  for (const { der } of blocks) {
    if (!new X509Certificate(der).ca) throw new Error("a certificate that is not an authority's");
  }
  const pem = blocks.map(({ der }) => encodePem("CERTIFICATE", der)).join("");
  return { pem, count: blocks.length, hash: bundleFingerprint(blocks.map(({ der }) => der)) };
}

/** Where watching is not possible the poll alone does. */
function watchDirectory(directory: string, onChange: () => void): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}
