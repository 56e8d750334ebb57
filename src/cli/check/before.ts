/** What must hold before the mesh is installed, and still afterwards. */
import { injectLabel } from "../../../injector/options.ts";
import type { Cluster } from "../cluster.ts";
import { meshNamespace } from "../cluster-options.ts";
import { type Check, createCheck, fail, ok, warn } from "./finding.ts";
import {
  type Named,
  type Namespace,
  type Node,
  nameOf,
  type WebhookConfiguration,
} from "./objects.ts";

const apiVersion = createCheck("api-server", async ({ cluster }) => {
  const version = await cluster.get<{ readonly gitVersion: string }>("/version");
  const text = version?.gitVersion ?? "";
  const [, major = "0", minor = "0"] = /^v(\d+)\.(\d+)/.exec(text) ?? [];
  const isOld = Number(major) < 1 || (Number(major) === 1 && Number(minor) < 29);
  if (!isOld) return ok(`Kubernetes ${text} answers`);
  return fail(
    `Kubernetes is ${text}, and sidecars that start before the app need 1.29`,
    "upgrade the cluster first",
  );
});

/** A pod that is captured needs NET_ADMIN for one moment, in its init container. */
const podSecurity = createCheck("pod-security", async ({ cluster }) => {
  const namespaces = await cluster.list<Namespace>("/api/v1/namespaces");
  const key = "pod-security.kubernetes.io/enforce";
  const refusing = namespaces
    .filter(({ metadata }) => metadata.labels?.[injectLabel] === "enabled")
    .filter(({ metadata }) => ["baseline", "restricted"].includes(metadata.labels?.[key] ?? ""));
  if (refusing.length === 0) return ok("no opted-in namespace refuses the init container");
  return fail(
    "opted-in namespaces refuse pods whose init container has NET_ADMIN, so theirs cannot be created",
    `kubectl label namespace NAME --overwrite ${key}=privileged`,
    refusing.map(({ metadata }) => `${metadata.name} enforces ${metadata.labels?.[key]}`),
  );
});

const nodes = createCheck("nodes", async ({ cluster }) => {
  const all = await cluster.list<Node>("/api/v1/nodes");
  const linux = all.filter(({ status }) => status?.nodeInfo?.operatingSystem !== "windows");
  const problems = linux.flatMap((node) => {
    const problem = describeNode(node);
    return problem === undefined ? [] : [`${node.metadata.name}: ${problem}`];
  });
  const windows = all.length - linux.length;
  const rest = windows === 0 ? "" : `; ${windows} with Windows stay outside the mesh`;
  if (problems.length === 0) {
    return all.length === 0
      ? warn("there are no nodes", "look again when a node has joined the cluster")
      : ok(`${linux.length} of ${linux.length} nodes can run sidecars${rest}`);
  }
  return warn(
    `${problems.length} of ${linux.length} nodes may not run sidecars${rest}`,
    "renew these nodes, or keep opted-in pods off them",
    problems,
  );
});

function describeNode({ status }: Node): string | undefined {
  const info = status?.nodeInfo;
  if (info === undefined) return "says nothing of itself";
  if (!["amd64", "arm64"].includes(info.architecture)) {
    return `architecture ${info.architecture}; the image has amd64 and arm64`;
  }
  // nf_tables redirects IPv4 and IPv6 in one table from 5.2 on.
  if (isBefore(info.kernelVersion, 5, 2)) return `kernel ${info.kernelVersion} is older than 5.2`;
  const kubelet = info.kubeletVersion.replace(/^v/, "");
  if (isBefore(kubelet, 1, 29)) return `kubelet ${kubelet} is older than 1.29`;
  return undefined;
}

function isBefore(version: string, major: number, minor: number): boolean {
  const [, first = "0", second = "0"] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(first) < major || (Number(first) === major && Number(second) < minor);
}

const otherMeshes = createCheck("other-meshes", async ({ cluster }) => {
  const path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  const webhooks = await cluster.list<WebhookConfiguration>(path);
  const others = webhooks
    .map(({ metadata }) => metadata.name)
    .filter((name) => /^(istio|linkerd|kuma|consul)/.test(name));
  if (others.length === 0) return ok("no other mesh injects sidecars");
  return warn(
    "another mesh injects sidecars here too",
    "opt each namespace into one mesh only; a pod with another's sidecar gets none of ours",
    others,
  );
});

/** Each is created by the chart. */
const wanted: readonly (readonly [group: string, resource: string, namespace?: string])[] = [
  ["", "namespaces"],
  ["apiextensions.k8s.io", "customresourcedefinitions"],
  ["rbac.authorization.k8s.io", "clusterroles"],
  ["rbac.authorization.k8s.io", "clusterrolebindings"],
  ["admissionregistration.k8s.io", "mutatingwebhookconfigurations"],
  ["", "services", meshNamespace],
  ["", "serviceaccounts", meshNamespace],
  ["", "secrets", meshNamespace],
  ["apps", "deployments", meshNamespace],
  ["policy", "poddisruptionbudgets", meshNamespace],
  ["rbac.authorization.k8s.io", "roles", meshNamespace],
  ["rbac.authorization.k8s.io", "rolebindings", meshNamespace],
];

const permissions = createCheck("permissions", async ({ cluster }) => {
  const answers = await Promise.all(
    wanted.map(async ([group, resource, namespace]) => {
      const isAllowed = await mayCreate(cluster, group, resource, namespace);
      return isAllowed ? [] : [namespace === undefined ? resource : `${resource} in ${namespace}`];
    }),
  );
  const missing = answers.flat();
  if (missing.length === 0) return ok("you may create all that the chart holds");
  return fail(
    "you may not create all that the chart holds",
    "let somebody install it who may, such as a cluster-admin",
    missing,
  );
});

async function mayCreate(
  cluster: Cluster,
  group: string,
  resource: string,
  namespace: string | undefined,
): Promise<boolean> {
  const resourceAttributes = { verb: "create", group, resource, ...(namespace && { namespace }) };
  const review = await cluster.create<{ readonly status?: { readonly allowed?: boolean } }>(
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes },
    },
  );
  return review.status?.allowed === true;
}

/** Objects without a namespace that would be in an installation's way. */
const leftovers = createCheck("leftovers", async ({ cluster }) => {
  const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  const webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  const paths = [
    `${roles}/remora-identity`,
    `${roles}/remora-control`,
    `${roles}/remora-injector`,
    `${webhooks}/remora-injector`,
  ];
  const found = await Promise.all(paths.map((path) => cluster.get<Named & { kind: string }>(path)));
  const left = found.filter((object) => object !== undefined);
  if (left.length === 0) return ok("nothing of an earlier installation is in the way");
  return fail(
    "an earlier installation left objects behind that Helm does not take over",
    "remora uninstall | kubectl delete --ignore-not-found -f -",
    left.map((object) => `${object.kind} ${nameOf(object)}`),
  );
});

export const baseChecks: readonly Check[] = [apiVersion, nodes, podSecurity, otherMeshes];
/** Only before the installation: afterwards its own objects are there, and nobody needs to create more. */
export const installChecks: readonly Check[] = [permissions, leftovers];
