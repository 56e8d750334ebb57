/** Roots that whoever gives us our issuer has taken away, while leaves under them are still about. Pure. */
import { joinRoots } from "./authority-steps.ts";

export interface KeptRoot {
  readonly pem: string;
  /** Wall time. */
  readonly until: number;
}

/** `before` is what was published last; what of it is not in `given` any more is kept until `until`. */
export function keepRoots(
  kept: readonly KeptRoot[],
  before: string,
  given: string,
  { now, until }: { readonly now: number; readonly until: number },
): readonly KeptRoot[] {
  const here = new Set(joinRoots([given]).roots.map(({ fingerprint }) => fingerprint));
  const live = kept.filter((root) => root.until > now && !here.has(fingerprintOf(root.pem)));
  const known = new Set([...here, ...kept.map(({ pem }) => fingerprintOf(pem))]);
  const lost = splitPem(before).filter((pem) => !known.has(fingerprintOf(pem)));
  return [...live, ...lost.map((pem) => ({ pem, until }))];
}

function fingerprintOf(pem: string): string {
  return joinRoots([pem]).roots[0]?.fingerprint ?? "";
}

function splitPem(pem: string): readonly string[] {
  return pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter((block) => block.includes("BEGIN"));
}
