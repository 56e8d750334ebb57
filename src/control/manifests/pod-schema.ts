/** The shape of a pod's spec, as far as Remora reads it. */
import { dnsLabel, dnsSubdomain, portName, strings } from "./names.ts";
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

const maxInt32 = 0x7fff_ffff;
const port = integer(1, 65_535);
const id = optional(integer(0, maxInt32));
const count = optional(integer(0, maxInt32));
const positive = optional(integer(1, maxInt32));
const portOrName = required(numberOr(port, portName));

const httpGet = fields({
  path: optional(text()),
  port: portOrName,
  host: optional(text()),
  scheme: optional(oneOf("HTTP", "HTTPS")),
  httpHeaders: optional(list(fields({ name: required(text()), value: required(text()) }))),
});
const tcpSocket = fields({ port: portOrName, host: optional(text()) });
const exec = fields({ command: required(list(text(), 1)) });

/** Exactly one of the ways to ask must be given. */
function oneHandler(...handlers: readonly string[]): Check {
  return (value, path, report) => {
    const given = handlers.filter((name) => isMapping(value) && isMapping(value[name]));
    if (given.length === 1) return;
    const found = given.length === 0 ? "none" : given.join(" and ");
    report({
      path,
      reason: `${formatPath(path)}: expected exactly one of ${handlers.join(", ")}, got ${found}`,
    });
  };
}

const probe = and(
  fields({
    httpGet: optional(httpGet),
    tcpSocket: optional(tcpSocket),
    grpc: optional(fields({ port: required(port), service: optional(text()) })),
    exec: optional(exec),
    initialDelaySeconds: count,
    periodSeconds: positive,
    timeoutSeconds: positive,
    successThreshold: positive,
    failureThreshold: positive,
    terminationGracePeriodSeconds: positive,
  }),
  oneHandler("httpGet", "tcpSocket", "grpc", "exec"),
);

const hook = and(
  fields({
    httpGet: optional(httpGet),
    tcpSocket: optional(tcpSocket),
    exec: optional(exec),
    sleep: optional(fields({ seconds: required(integer(0, maxInt32)) })),
  }),
  oneHandler("httpGet", "tcpSocket", "exec", "sleep"),
);

const keyRef = fields({
  name: required(text()),
  key: required(text()),
  optional: optional(boolean),
});
const objectRef = fields({ name: required(text()), optional: optional(boolean) });

const envVar = fields({
  name: required(text(/^[^=\0]+$/, "a variable's name without an equals sign")),
  value: optional(text()),
  valueFrom: optional(
    fields({
      fieldRef: optional(fields({ fieldPath: required(text()), apiVersion: optional(text()) })),
      configMapKeyRef: optional(keyRef),
      secretKeyRef: optional(keyRef),
      resourceFieldRef: optional(anything),
    }),
  ),
});

const containerPort = fields({
  name: optional(portName),
  containerPort: required(port),
  protocol: optional(oneOf("TCP", "UDP", "SCTP")),
  hostPort: optional(integer(0, 65_535)),
  hostIP: optional(text()),
});

const absolutePath = text(/^\/[^:]*$/, "an absolute path");

const container = fields(
  {
    name: required(dnsLabel),
    image: optional(text()),
    imagePullPolicy: optional(oneOf("Always", "IfNotPresent", "Never")),
    command: optional(list(text())),
    args: optional(list(text())),
    workingDir: optional(text()),
    env: optional(list(envVar)),
    envFrom: optional(
      list(
        fields({
          prefix: optional(text()),
          configMapRef: optional(objectRef),
          secretRef: optional(objectRef),
        }),
      ),
    ),
    ports: optional(list(containerPort)),
    readinessProbe: optional(probe),
    livenessProbe: optional(probe),
    startupProbe: optional(probe),
    lifecycle: optional(
      fields({ postStart: optional(hook), preStop: optional(hook) }, { also: ["stopSignal"] }),
    ),
    securityContext: optional(
      fields({
        runAsUser: id,
        runAsGroup: id,
        runAsNonRoot: optional(boolean),
        privileged: optional(boolean),
        allowPrivilegeEscalation: optional(boolean),
        readOnlyRootFilesystem: optional(boolean),
        capabilities: optional(
          fields({ add: optional(list(text())), drop: optional(list(text())) }),
        ),
        seccompProfile: optional(fields({ type: required(text()) })),
      }),
    ),
    volumeMounts: optional(
      list(
        fields(
          {
            name: required(text()),
            mountPath: required(absolutePath),
            subPath: optional(text()),
            readOnly: optional(boolean),
          },
          { also: ["subPathExpr"] },
        ),
      ),
    ),
    resources: optional(
      fields({ requests: optional(anything), limits: optional(anything) }, { also: ["claims"] }),
    ),
    restartPolicy: optional(text()),
  },
  { also: ["tty", "stdin", "stdinOnce", "volumeDevices", "resizePolicy"] },
);

const mode = optional(integer(0, 0o777));
const items = optional(list(fields({ key: required(text()), path: required(text()), mode: mode })));
const isOptional = optional(boolean);
const downwardApi = fields({
  items: optional(
    list(
      fields(
        { path: required(text()), fieldRef: optional(fields({ fieldPath: required(text()) })) },
        { also: ["resourceFieldRef", "mode"] },
      ),
    ),
  ),
  defaultMode: mode,
});

const volume = fields({
  name: required(dnsLabel),
  emptyDir: optional(fields({ medium: optional(text()), sizeLimit: optional(anything) })),
  configMap: optional(
    fields({ name: required(text()), items, defaultMode: mode, optional: isOptional }),
  ),
  secret: optional(
    fields({ secretName: required(text()), items, defaultMode: mode, optional: isOptional }),
  ),
  downwardAPI: optional(downwardApi),
  projected: optional(
    fields({
      defaultMode: mode,
      sources: required(
        list(
          fields({
            serviceAccountToken: optional(
              fields({
                audience: optional(text()),
                expirationSeconds: positive,
                path: required(text()),
              }),
            ),
            configMap: optional(fields({ name: required(text()), items, optional: isOptional })),
            secret: optional(fields({ name: required(text()), items, optional: isOptional })),
            downwardAPI: optional(downwardApi),
          }),
        ),
      ),
    }),
  ),
});

const shape = fields(
  {
    serviceAccountName: optional(dnsSubdomain),
    hostNetwork: optional(boolean),
    hostPID: optional(boolean),
    restartPolicy: optional(oneOf("Always", "OnFailure", "Never")),
    terminationGracePeriodSeconds: count,
    nodeSelector: optional(strings),
    os: optional(fields({ name: required(text()) })),
    securityContext: optional(
      fields({
        runAsUser: id,
        runAsGroup: id,
        runAsNonRoot: optional(boolean),
        fsGroup: id,
        supplementalGroups: optional(list(integer(0, maxInt32))),
      }),
    ),
    initContainers: optional(list(container)),
    containers: required(list(container, 1)),
    volumes: optional(list(volume)),
  },
  { also: ["serviceAccount", "hostIPC", "hostUsers", "hostAliases", "hostname", "nodeName"] },
);

/** A pod's spec with its cross references: container names are unique, mounted volumes exist. */
export const podSpec: Check = and(shape, uniqueContainers, mountedVolumes);

function uniqueContainers(
  value: unknown,
  path: readonly (string | number)[],
  report: Report,
): void {
  const seen = new Set<unknown>();
  for (const [place, name] of eachContainer(value, path)) {
    if (seen.has(name["name"])) {
      report({
        path: [...place, "name"],
        reason: `${formatPath(place)}: a second container named ${JSON.stringify(name["name"])}`,
      });
    }
    seen.add(name["name"]);
  }
}

function mountedVolumes(value: unknown, path: readonly (string | number)[], report: Report): void {
  const volumes = new Set(mappings(isMapping(value) ? value["volumes"] : []).map((v) => v["name"]));
  for (const [place, item] of eachContainer(value, path)) {
    mappings(item["volumeMounts"]).forEach((mount, index) => {
      if (volumes.has(mount["name"])) return;
      report({
        path: [...place, "volumeMounts", index, "name"],
        reason: `${formatPath([...place, "volumeMounts", index])}: there is no volume named ${JSON.stringify(mount["name"])}`,
        hint: volumes.size === 0 ? "the pod has no volumes" : `volumes: ${[...volumes].join(", ")}`,
      });
    });
  }
}

type Report = Parameters<Check>[2];
type Mapping = Readonly<Record<string, unknown>>;

function* eachContainer(
  value: unknown,
  path: readonly (string | number)[],
): Generator<[(string | number)[], Mapping]> {
  if (!isMapping(value)) return;
  for (const field of ["initContainers", "containers"]) {
    for (const [index, item] of mappings(value[field]).entries()) {
      yield [[...path, field, index], item];
    }
  }
}

function mappings(value: unknown): Mapping[] {
  return Array.isArray(value) ? value.filter(isMapping) : [];
}
