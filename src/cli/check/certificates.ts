/** The issuer, the roots that everybody trusts, and whether everybody has them. */
import { X509Certificate } from "node:crypto";
import { meshNamespace } from "../cluster-options.ts";
import { type Check, type CheckContext, createCheck, fail, ok, warn } from "./finding.ts";
import type { ConfigMap, Secret } from "./objects.ts";
import { findOptedIn } from "./workloads.ts";

const bundleName = "remora-trust-bundle";

/** Certificates of a PEM text, in order; undefined when it is none. */
export function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    return certificates.length > 0 ? certificates : undefined;
  } catch {
    return undefined;
  }
}

/** What to say of a certificate's end: it ends, it ended, or it should have been renewed by now. */
export function judgeEnd(
  certificate: X509Certificate,
  now: number,
): { readonly state: "good" | "late" | "ended"; readonly text: string } {
  const end = certificate.validToDate.getTime();
  const lifetime = end - certificate.validFromDate.getTime();
  const day = certificate.validToDate.toISOString().replace(/\.\d+Z$/, "Z");
  if (now >= end) return { state: "ended", text: `ended ${day}` };
  // Whoever renews does so long before the last fifth.
  const state = end - now < lifetime / 5 ? "late" : "good";
  return { state, text: `ends ${day}` };
}

const issuer = createCheck("issuer", async ({ cluster, now }) => {
  const path = `/api/v1/namespaces/${meshNamespace}/secrets/remora-issuer`;
  const secret = await cluster.get<Secret>(path);
  if (secret === undefined) {
    return fail(
      "the Secret remora-issuer is missing, so nobody gets a certificate",
      `kubectl logs -n ${meshNamespace} deploy/remora-identity`,
    );
  }
  const chain = readCertificates(decode(secret, "tls.crt"));
  const roots = readCertificates(decode(secret, "ca.crt"));
  const [certificate] = chain ?? [];
  if (certificate === undefined || roots === undefined) {
    return fail(
      "the Secret remora-issuer holds no certificates in tls.crt and ca.crt",
      "remora help ca",
    );
  }
  if (![...roots, ...(chain ?? []).slice(1)].some((root) => certificate.verify(root.publicKey))) {
    return fail("the issuer in tls.crt is signed by no root of ca.crt", "remora help ca");
  }
  const { state, text } = judgeEnd(certificate, now);
  if (state === "good") return ok(`the issuer ${text}`);
  const what = `the issuer ${text}`;
  return state === "ended" ? fail(what, "remora help ca") : warn(what, "remora help ca");
});

const roots = createCheck("roots", async ({ cluster, now }) => {
  const own = await readBundle({ cluster }, meshNamespace);
  const certificates = readCertificates(own ?? "");
  if (certificates === undefined) {
    return fail(
      `the ConfigMap ${bundleName} is missing in ${meshNamespace} or holds no certificate`,
      `kubectl logs -n ${meshNamespace} deploy/remora-identity`,
    );
  }
  return certificates.map((certificate, index) => {
    const { state, text } = judgeEnd(certificate, now);
    const what = `root ${index + 1} of ${certificates.length} ${text}`;
    if (state === "good") return ok(what);
    const next = "remora ca rotate";
    return state === "ended" && certificates.length === 1 ? fail(what, next) : warn(what, next);
  });
});

const bundles = createCheck("trust-bundles", async ({ cluster }) => {
  const own = await readBundle({ cluster }, meshNamespace);
  const namespaces = await findOptedIn(cluster);
  const states = await Promise.all(
    namespaces.map(async (namespace) => {
      const bundle = await readBundle({ cluster }, namespace);
      if (bundle === own && bundle !== undefined) return [];
      return [`${namespace} ${bundle === undefined ? "has none" : "has an old one"}`];
    }),
  );
  const wrong = states.flat();
  if (wrong.length === 0)
    return ok(`${namespaces.length} namespaces with pods in the mesh have it`);
  return fail(
    `${wrong.length} of ${namespaces.length} namespaces lack the trust bundle; pods there cannot start`,
    `kubectl logs -n ${meshNamespace} deploy/remora-identity`,
    wrong,
  );
});

async function readBundle(
  { cluster }: Pick<CheckContext, "cluster">,
  namespace: string,
): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${bundleName}`;
  return (await cluster.get<ConfigMap>(path))?.data?.["ca.pem"];
}

function decode(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
}

export const certificateChecks: readonly Check[] = [issuer, roots, bundles];
