/**
 * The volumes of one pod, as folders of the host that are bound into its containers. What comes from ConfigMaps and
 * Secrets is written again when they change; a container sees that at its next read.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync } from "node:fs";
import { join, normalize } from "node:path";
import { parseQuantity } from "../../../injector/quantity.ts";
import type { Container, Pod, Volume } from "../../api/kubernetes.ts";
import type { Mount } from "../sandbox/launch-spec.ts";
import { NotYet } from "./not-yet.ts";
import { renderVolume, type VolumeSources, writeFiles } from "./volume-files.ts";

export class PodVolumes {
  readonly #pod: Pod;
  readonly #directory: string;
  readonly #sources: VolumeSources;

  /** `directory` belongs to this pod alone and is removed with it. */
  constructor(pod: Pod, directory: string, sources: VolumeSources) {
    this.#pod = pod;
    this.#directory = directory;
    this.#sources = sources;
  }

  /** Makes or refreshes what the container mounts. Throws NotYet when an object is missing that it needs. */
  prepare(container: Container): void {
    const mounted = new Set((container.volumeMounts ?? []).map((mount) => mount.name));
    for (const volume of this.#pod.spec.volumes ?? []) {
      if (mounted.has(volume.name)) this.#prepareVolume(volume);
    }
  }

  /** Where each volume is mounted in the container. `prepare` must have succeeded before. */
  mountsOf(container: Container): Mount[] {
    return (container.volumeMounts ?? []).map((mount): Mount => {
      const volume = this.#pod.spec.volumes?.find((candidate) => candidate.name === mount.name);
      if (volume === undefined) throw new NotYet(`there is no volume named "${mount.name}"`);
      if (this.#isPrivateMemory(volume)) return memoryMount(volume, mount.mountPath);
      const readOnly = mount.readOnly === true || !isWritable(volume);
      const source = this.#sourceOf(volume, mount.subPath);
      return { kind: "bind", source, target: mount.mountPath, readOnly };
    });
  }

  #prepareVolume(volume: Volume): void {
    if (volume.hostPath !== undefined || this.#isPrivateMemory(volume)) return;
    const folder = join(this.#directory, volume.name);
    const fsGroup = this.#pod.spec.securityContext?.fsGroup;
    mkdirSync(folder, { recursive: true });
    if (volume.emptyDir === undefined) {
      writeFiles(folder, renderVolume(volume, this.#pod, this.#sources), fsGroup);
      chmodSync(folder, 0o755);
      return;
    }
    // Every user of the pod may write, as with the kubelet, and with fsGroup what is made belongs to the group.
    if (fsGroup !== undefined) chownSync(folder, 0, fsGroup);
    chmodSync(folder, fsGroup === undefined ? 0o777 : 0o2777);
  }

  #sourceOf(volume: Volume, subPath = ""): string {
    const root = volume.hostPath?.path ?? join(this.#directory, volume.name);
    // Normalized below "/", so that no number of ".." leaves the volume.
    const source = subPath === "" ? root : join(root, normalize(`/${subPath}`));
    if (subPath === "" || exists(source)) return source;
    if (volume.emptyDir === undefined) {
      throw new NotYet(`the volume "${volume.name}" holds no "${subPath}"`);
    }
    mkdirSync(source, { recursive: true });
    chmodSync(source, 0o777);
    return source;
  }

  /** Memory that one container uses is a tmpfs of its own; shared memory is a folder of the state directory. */
  #isPrivateMemory(volume: Volume): boolean {
    if (volume.emptyDir?.medium !== "Memory") return false;
    const containers = [...(this.#pod.spec.initContainers ?? []), ...this.#pod.spec.containers];
    const mounts = containers.flatMap((container) => container.volumeMounts ?? []);
    return mounts.filter((mount) => mount.name === volume.name).length === 1;
  }
}

function memoryMount(volume: Volume, target: string): Mount {
  const size = parseQuantity(volume.emptyDir?.sizeLimit ?? "");
  return { kind: "tmpfs", target, mode: 0o1777, ...(size !== undefined && { size }) };
}

function isWritable(volume: Volume): boolean {
  return volume.emptyDir !== undefined || volume.hostPath !== undefined;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
