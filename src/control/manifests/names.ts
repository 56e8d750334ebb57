/** The syntaxes of names in Kubernetes, as checks. */
import { type Check, record, text } from "./schema.ts";

/** RFC 1123 label: namespaces, containers, volumes, services. */
export const dnsLabel: Check = text(
  /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
  "a name of at most 63 small letters, digits and dashes",
);

/** RFC 1123 subdomain: pods, controllers, config maps. */
export const dnsSubdomain: Check = text(
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  "a name of at most 253 small letters, digits, dashes and dots",
);

/** RFC 6335 service name: the name of a container's port. */
export const portName: Check = text(
  /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/,
  "a port name of at most 15 small letters, digits and dashes, with a letter",
);

const labelValue = text(
  /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
  "a label value of at most 63 letters, digits, dashes, dots and underscores",
);

export const labels: Check = record(labelValue);
export const strings: Check = record(text());
