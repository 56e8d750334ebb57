/** The kinds that Remora reads: their API version, whether they live in a namespace, and their shape. */

import { isIP } from "node:net";
import type { KnownObject } from "../../api/kubernetes.ts";
import { dig } from "../../core/dig.ts";
import { dnsLabel, dnsSubdomain, labels, portName, strings } from "./names.ts";
import { podSpec } from "./pod-schema.ts";
import { meshPolicySpec, policySpec } from "./policy-schema.ts";
import {
  and,
  anything,
  boolean,
  type Check,
  fields,
  formatPath,
  integer,
  isMapping,
  list,
  numberOr,
  oneOf,
  optional,
  required,
  text,
} from "./schema.ts";

export interface KindInfo {
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly check: Check;
}

const replicas = optional(integer(0, 10_000));
const port = integer(1, 65_535);

function metadata(name: Check): Check {
  return fields({
    name: required(name),
    generateName: optional(text()),
    namespace: optional(dnsLabel),
    uid: optional(text()),
    labels: optional(labels),
    annotations: optional(strings),
  });
}

function kind(
  apiVersion: string,
  body: Parameters<typeof fields>[0],
  name: Check = dnsSubdomain,
): KindInfo {
  const check = fields({
    apiVersion: required(text()),
    kind: required(text()),
    metadata: required(metadata(name)),
    ...body,
  });
  return { apiVersion, namespaced: true, check };
}

const template = fields({
  metadata: optional(fields({ labels: optional(labels), annotations: optional(strings) })),
  spec: required(podSpec),
});
const selector = fields({
  matchLabels: optional(labels),
  matchExpressions: optional(list(anything)),
});

/** Kubernetes refuses a controller whose selector does not find its own pods. */
const selectsItsPods: Check = (value, path, report) => {
  if (!isMapping(value)) return;
  const wanted = mappingAt(value, "selector", "matchLabels");
  const given = mappingAt(value, "template", "metadata", "labels");
  for (const [label, expected] of Object.entries(wanted ?? {})) {
    if (given?.[label] === expected) continue;
    report({
      path: [...path, "selector", "matchLabels", label],
      reason: `${formatPath(path)}: the selector asks for ${label}=${String(expected)}, which the pods of its template do not have`,
    });
  }
};

function controller(extra: Parameters<typeof fields>[0], selectorNeeded: boolean): KindInfo {
  const shape = fields({
    replicas,
    selector: selectorNeeded ? required(selector) : optional(selector),
    template: required(template),
    ...extra,
  });
  return kind(selectorNeeded ? "apps/v1" : "batch/v1", {
    spec: required(and(shape, selectsItsPods)),
  });
}

const servicePort = fields(
  {
    name: optional(dnsLabel),
    port: required(port),
    targetPort: optional(numberOr(port, portName)),
    protocol: optional(oneOf("TCP", "UDP", "SCTP")),
    appProtocol: optional(text()),
  },
  { also: ["nodePort"] },
);

const clusterIp: Check = (value, path, report) => {
  if (typeof value === "string" && (value === "" || value === "None" || isIP(value) !== 0)) return;
  report({ path, reason: `${formatPath(path)}: expected an IP address or None` });
};

/** Two ports of a service need names, and the names differ. */
const namedPorts: Check = (value, path, report) => {
  const ports = isMapping(value) ? value["ports"] : undefined;
  if (!Array.isArray(ports) || ports.length < 2) return;
  const seen = new Set<unknown>();
  ports.forEach((item: unknown, index) => {
    const name = isMapping(item) ? item["name"] : undefined;
    const place = [...path, "ports", index];
    if (name === undefined) {
      report({ path: place, reason: `${formatPath(place)}: needs a name, as there are several` });
    } else if (seen.has(name)) {
      report({
        path: place,
        reason: `${formatPath(place)}: a second port named ${JSON.stringify(name)}`,
      });
    }
    seen.add(name);
  });
};

const service = kind(
  "v1",
  {
    spec: required(
      and(
        fields(
          {
            type: optional(oneOf("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")),
            clusterIP: optional(clusterIp),
            clusterIPs: optional(list(clusterIp)),
            publishNotReadyAddresses: optional(boolean),
            selector: optional(labels),
            ports: optional(list(servicePort)),
          },
          { also: ["externalIPs", "externalName"] },
        ),
        namedPorts,
      ),
    ),
  },
  dnsLabel,
);

const pod = kind("v1", {
  spec: required(podSpec),
  status: optional(
    fields({
      podIP: optional(text()),
      podIPs: optional(list(fields({ ip: required(text()) }))),
      phase: optional(text()),
      conditions: optional(
        list(
          fields({
            type: required(text()),
            status: required(oneOf("True", "False", "Unknown")),
            reason: optional(text()),
          }),
        ),
      ),
    }),
  ),
});

export const kinds: Readonly<Record<KnownObject["kind"], KindInfo>> = {
  Pod: pod,
  Service: service,
  Deployment: controller({}, true),
  StatefulSet: controller({ serviceName: optional(text()) }, true),
  DaemonSet: controller({}, true),
  Job: controller({ completions: replicas, parallelism: replicas, backoffLimit: replicas }, false),
  ServiceAccount: kind("v1", {}),
  Namespace: { ...kind("v1", {}, dnsLabel), namespaced: false },
  ConfigMap: kind("v1", { data: optional(strings), binaryData: optional(strings) }),
  Secret: kind("v1", {
    type: optional(text()),
    data: optional(strings),
    stringData: optional(strings),
  }),
  AuthorizationPolicy: kind("policy.remora.dev/v1alpha1", { spec: required(policySpec) }),
  MeshPolicy: kind("policy.remora.dev/v1alpha1", { spec: required(meshPolicySpec) }),
};

function mappingAt(
  value: unknown,
  ...path: readonly string[]
): Readonly<Record<string, unknown>> | undefined {
  const found = dig(value, ...path);
  return isMapping(found) ? found : undefined;
}
