/** The chart as Helm renders it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { buildGoJudge, findGo, noGo } from "../support/go-judge.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
export const chartFolder: string = join(root, "charts/remora");
export const valueSets = ["minimal", "everything"] as const;
export type ValueSet = (typeof valueSets)[number];

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly data: Readonly<Record<string, string>>;
  // Manifests of many kinds are read here; every expectation names what it wants.
  readonly spec: Readonly<Record<string, unknown>>;
  readonly automountServiceAccountToken?: boolean;
  readonly rules?: readonly PolicyRule[];
  readonly webhooks: readonly Readonly<Record<string, unknown>>[];
}

export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** Options for tests that need Helm: skipped, with the reason, where it cannot be built. */
export function needsHelm(): { readonly skip?: string } {
  return findGo() === undefined ? { skip: noGo } : {};
}

export async function buildHelm(): Promise<string> {
  const folder = join(root, "test/judges/helm");
  return join(await buildGoJudge(folder, ["helm.sh/helm/v3/cmd/helm"]), "helm");
}

export function valuesFile(set: ValueSet): string {
  return join(root, `test/chart/values/${set}.yaml`);
}

/** What `helm template` prints for a set of values. */
export async function renderText(set: ValueSet, ...args: readonly string[]): Promise<string> {
  // A helm that was not built by its release's script takes the cluster for an old one.
  const fixed = ["--kube-version", "1.29.0", "--namespace", "remora-system"];
  const command = ["template", "remora", chartFolder, ...fixed, "-f", valuesFile(set), ...args];
  const { stdout } = await run(await buildHelm(), command, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

export async function renderChart(
  set: ValueSet,
  ...args: readonly string[]
): Promise<readonly Manifest[]> {
  return parseAllDocuments(await renderText(set, ...args))
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}
