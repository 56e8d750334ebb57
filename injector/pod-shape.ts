/**
 * Whether a value has the shape that the patch relies on. The API server has decoded the pod before it asks; this is for
 * everybody else who can reach the port.
 */
import type { Pod } from "../src/api/kubernetes.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The pod, or the sentence that says what is wrong with it. */
export function readPod(value: unknown): Pod | string {
  const { metadata, spec } = isFields(value) ? value : {};
  if (!isFields(metadata)) return "the pod has no metadata";
  if (!isFields(spec)) return "the pod has no spec";
  if (!isList(spec["containers"], isContainer))
    return "spec.containers is not a list of containers";
  if (!isList(spec["initContainers"], isContainer)) {
    return "spec.initContainers is not a list of containers";
  }
  if (!isList(spec["volumes"], isNamed)) return "spec.volumes is not a list of volumes";
  if (!isAbsent(spec["securityContext"], isSecurityContext)) {
    return "spec.securityContext is not a pod's security context";
  }
  if (!isAbsent(spec["os"], isFields)) return "spec.os is not an object";
  if (!isAbsent(spec["terminationGracePeriodSeconds"], Number.isInteger)) {
    return "spec.terminationGracePeriodSeconds is not a whole number";
  }
  const texts = {
    "metadata.labels": metadata["labels"],
    "metadata.annotations": metadata["annotations"],
    "spec.nodeSelector": spec["nodeSelector"],
  };
  const bad = Object.entries(texts).find(([, map]) => !isAbsent(map, isTexts));
  if (bad !== undefined) return `${bad[0]} is not an object of texts`;
  return value as Pod;
}

function isContainer(value: unknown): boolean {
  if (!isNamed(value)) return false;
  const probes = ["readinessProbe", "livenessProbe", "startupProbe"];
  return (
    ["securityContext", "resources"].every((key) => isAbsent(value[key], isFields)) &&
    probes.every((key) => isAbsent(value[key], isProbe)) &&
    isAbsent(value["lifecycle"], isLifecycle) &&
    isList(value["ports"], isPort) &&
    isList(value["env"], isNamed) &&
    isList(value["volumeMounts"], isNamed)
  );
}

function isLifecycle(value: unknown): boolean {
  const hooks = ["preStop", "postStart"];
  return isFields(value) && hooks.every((key) => isAbsent(value[key], isProbe));
}

/** Probes and hooks: their handlers are objects, and what these name is a port. */
function isProbe(value: unknown): boolean {
  return (
    isFields(value) &&
    ["httpGet", "tcpSocket", "grpc"].every((key) => isAbsent(value[key], isHandler)) &&
    isAbsent(value["exec"], isFields)
  );
}

function isHandler(value: unknown): boolean {
  return isFields(value) && ["number", "string"].includes(typeof value["port"]);
}

function isPort(value: unknown): boolean {
  return (
    isFields(value) &&
    typeof value["containerPort"] === "number" &&
    isAbsent(value["name"], (name) => typeof name === "string")
  );
}

function isSecurityContext(value: unknown): boolean {
  return isFields(value) && isList(value["supplementalGroups"], Number.isInteger);
}

function isNamed(value: unknown): value is Fields {
  return isFields(value) && typeof value["name"] === "string";
}

function isTexts(value: unknown): boolean {
  return isFields(value) && Object.values(value).every((text) => typeof text === "string");
}

function isList(value: unknown, isEntry: (entry: unknown) => boolean): boolean {
  return isAbsent(value, (list) => Array.isArray(list) && list.every(isEntry));
}

/** Go writes an empty list as null in some places. */
function isAbsent(value: unknown, isRight: (value: unknown) => boolean): boolean {
  return value === undefined || value === null || isRight(value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
