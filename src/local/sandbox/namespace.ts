/** Network namespaces without names: each is held by a descriptor, and ends with it. */
import { closeSync, fstatSync, openSync, writeFileSync } from "node:fs";
import type { NetworkNamespace } from "./network.ts";
import { setNamespace, unshare } from "./syscalls.ts";

/** Makes an empty namespace; this thread stays where it is. */
export function createNetworkNamespace(): NetworkNamespace {
  const own = openOwn();
  try {
    unshare("network");
    const fd = openOwn();
    return { fd, inode: fstatSync(fd).ino };
  } finally {
    setNamespace(own, "network");
    closeSync(own);
  }
}

/**
 * Runs synchronous code with this thread inside a namespace: sockets opened and processes started by it belong there.
 * Nothing may be awaited in it.
 */
export function inNetworkNamespace<T>(namespace: NetworkNamespace | undefined, act: () => T): T {
  if (namespace === undefined) return act();
  const own = openOwn();
  try {
    setNamespace(namespace.fd, "network");
    return act();
  } finally {
    setNamespace(own, "network");
    closeSync(own);
  }
}

/** Sets kernel parameters below /proc/sys/net of the namespace; those that the kernel lacks are passed over. */
export function setNetworkParameters(
  namespace: NetworkNamespace,
  parameters: Readonly<Record<string, string>>,
): void {
  inNetworkNamespace(namespace, () => {
    for (const [name, value] of Object.entries(parameters)) {
      try {
        writeFileSync(`/proc/sys/net/${name}`, value);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  });
}

export function closeNetworkNamespace(namespace: NetworkNamespace): void {
  closeSync(namespace.fd);
}

function openOwn(): number {
  return openSync("/proc/thread-self/ns/net", "r");
}
