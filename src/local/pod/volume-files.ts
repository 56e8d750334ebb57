/** The files of volumes that are made from objects: ConfigMaps, Secrets, tokens and the downward API. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { DownwardApiItem, Pod, Volume, VolumeItem } from "../../api/kubernetes.ts";
import type { ObjectStore } from "../objects.ts";
import { readKeys } from "./config-data.ts";
import { type PodPlace, resolveField } from "./environment.ts";
import { NotYet } from "./not-yet.ts";

/** What a pod's volumes are made from. */
export interface VolumeSources {
  readonly objects: ObjectStore;
  readonly place: PodPlace;
  /** A token for the pod; the same text as long as it is fresh enough. Throws NotYet when nobody can sign. */
  readonly token: (pod: Pod, audience: string, expirationSeconds: number) => string;
}

export interface VolumeFile {
  /** Below the volume's root. */
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
  /** The user that the file belongs to; root when left out. */
  readonly owner?: number | undefined;
}

const defaultMode = 0o644;

/** Throws NotYet when something is missing that is not optional. */
export function renderVolume(volume: Volume, pod: Pod, sources: VolumeSources): VolumeFile[] {
  const { configMap, secret, projected, downwardAPI } = volume;
  if (configMap !== undefined) return renderObject("ConfigMap", configMap, pod, sources);
  if (secret !== undefined) {
    return renderObject("Secret", { ...secret, name: secret.secretName }, pod, sources);
  }
  if (downwardAPI !== undefined) return renderFields(downwardAPI.items, pod, sources);
  const mode = projected?.defaultMode;
  return (projected?.sources ?? []).flatMap((source) => {
    const common = mode === undefined ? {} : { defaultMode: mode };
    if (source.configMap !== undefined) {
      return renderObject("ConfigMap", { ...source.configMap, ...common }, pod, sources);
    }
    if (source.secret !== undefined) {
      return renderObject("Secret", { ...source.secret, ...common }, pod, sources);
    }
    if (source.downwardAPI !== undefined)
      return renderFields(source.downwardAPI.items, pod, sources);
    if (source.serviceAccountToken === undefined) return [];
    const { path, audience = "https://kubernetes.default.svc" } = source.serviceAccountToken;
    const lifetime = source.serviceAccountToken.expirationSeconds ?? 3_600;
    const content = Buffer.from(sources.token(pod, audience, lifetime));
    const owner = onlyUserOf(volume, pod);
    return [{ path, content, owner, mode: owner === undefined ? defaultMode : 0o600 }];
  });
}

interface ObjectReference {
  readonly name: string;
  readonly items?: readonly VolumeItem[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

function renderObject(
  kind: "ConfigMap" | "Secret",
  reference: ObjectReference,
  pod: Pod,
  { objects }: VolumeSources,
): VolumeFile[] {
  const namespace = pod.metadata.namespace ?? "default";
  const object = objects.get(kind, namespace, reference.name);
  if (object === undefined) {
    if (reference.optional === true) return [];
    throw new NotYet(`${kind} ${namespace}/${reference.name} does not exist`);
  }
  const keys = readKeys(object);
  const mode = reference.defaultMode ?? defaultMode;
  if (reference.items === undefined) {
    return Array.from(keys, ([path, content]) => ({ path, content, mode }));
  }
  return reference.items.flatMap((item) => {
    const content = keys.get(item.key);
    if (content !== undefined) return [{ path: item.path, content, mode: item.mode ?? mode }];
    if (reference.optional === true) return [];
    throw new NotYet(`${kind} ${namespace}/${reference.name} has no key "${item.key}"`);
  });
}

function renderFields(
  items: readonly DownwardApiItem[] | undefined,
  pod: Pod,
  { place }: VolumeSources,
): VolumeFile[] {
  return (items ?? []).map(({ path, fieldRef }) => {
    const content = Buffer.from(resolveField(fieldRef?.fieldPath ?? "", pod, place));
    return { path, content, mode: defaultMode };
  });
}

/** A token that one container mounts is for that container's user alone; other users of the pod cannot read it. */
function onlyUserOf(volume: Volume, pod: Pod): number | undefined {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].filter(
    (container) => container.volumeMounts?.some((mount) => mount.name === volume.name),
  );
  const [only, ...others] = containers;
  if (only === undefined || others.length > 0) return undefined;
  return only.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? 0;
}

/** Brings the folder to exactly these files; each one is replaced at once, so that a reader sees old or new. */
export function writeFiles(folder: string, files: readonly VolumeFile[], group?: number): void {
  const wanted = new Set<string>();
  for (const file of files) {
    const path = join(folder, normalize(`/${file.path}`));
    wanted.add(path);
    if (sameContent(path, file.content)) continue;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const fresh = `${path}.new`;
    writeFileSync(fresh, file.content, { mode: 0o600 });
    // Group members read what belongs to fsGroup, whatever the mode says (as the kubelet arranges it).
    const mode = group === undefined ? file.mode : file.mode | 0o040;
    if (file.owner !== undefined || group !== undefined) {
      chownSync(fresh, file.owner ?? 0, group ?? file.owner ?? 0);
    }
    chmodSync(fresh, mode);
    renameSync(fresh, path);
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() === true && !wanted.has(path)) rmSync(path);
  }
}

function sameContent(path: string, content: Buffer): boolean {
  try {
    return readFileSync(path).equals(content);
  } catch {
    return false;
  }
}
