/** Keeps the hosts files of all pods up to date. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { formatHostsFile, type NameTable } from "./hosts-file.ts";
import type { MeshPod } from "./mesh-pod.ts";
import type { ObjectStore } from "./objects.ts";
import type { ServiceAddresses } from "./service-addresses.ts";

/** What all pods of the mesh may call, as it is now. */
export function createNameTable(
  pods: readonly MeshPod[],
  objects: ObjectStore,
  addresses: ServiceAddresses,
): NameTable {
  return {
    pods: pods.map((member) => describeNames(member)),
    services: objects
      .list("Service")
      .map((service) => ({ service, address: addresses.addressOf(service) })),
  };
}

/** Writes every pod's file that is not yet as it should be. */
export function writeNameFiles(pods: readonly MeshPod[], table: NameTable): void {
  for (const member of pods) {
    rewrite(member.hostsFile, formatHostsFile(describeNames(member), member.meshed, table));
  }
}

function describeNames(member: MeshPod): NameTable["pods"][number] {
  const { pod, ip } = member.running;
  return { pod, ip, ready: member.running.status().ready };
}

/** In place: the file is bound into containers, and a bind mount stays with the inode. */
function rewrite(file: string, text: string): void {
  try {
    if (readFileSync(file, "utf8") === text) return;
    const descriptor = openSync(file, "r+");
    try {
      writeSync(descriptor, text, 0);
      ftruncateSync(descriptor, Buffer.byteLength(text));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    // A pod that is being removed has no file any more.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
