/** What the chart rendered when somebody last looked: a change of it is read in review. */
import { join } from "node:path";
import { renderText, type ValueSet } from "./chart.ts";

export function goldenFile(set: ValueSet): string {
  return join(import.meta.dirname, `golden/${set}.yaml`);
}

/** Without the dashboard and the policies' kinds, which are files of their own; of other sets only what the minimal one renders differently. */
export async function renderGolden(set: ValueSet): Promise<string> {
  const manifests = await renderManifests(set);
  const known = set === "minimal" ? [] : await renderManifests("minimal");
  return manifests.filter((manifest) => !known.includes(manifest)).join("---\n");
}

async function renderManifests(set: ValueSet): Promise<readonly string[]> {
  const text = await renderText(set);
  return text
    .replace(/^( {2}remora\.json: \|\n)( {4}.*\n)+/m, "$1    …\n")
    .split(/^---\n/m)
    .filter(
      (manifest) =>
        manifest !== "" && !manifest.startsWith("# Source: remora/templates/policy-kinds.yaml"),
    );
}
