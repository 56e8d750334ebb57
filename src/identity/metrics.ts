/** What the authority counts; prom-client's registry only makes the text of it. */
import { dropOldest } from "../core/drop-oldest.ts";
import {
  computed,
  createComputedGauge,
  createCounter,
  createHistogram,
  type MetricFamily,
  observe,
} from "../core/metrics.ts";
import type { Authority } from "./authority.ts";
import type { AuthorityStatus } from "./cluster/authority-status.ts";
import type { ReviewResult } from "./cluster/token-review.ts";
import type { RefusalCode } from "./issue.ts";

export interface IdentityMetrics {
  readonly families: readonly MetricFamily[];
  /** `issuer` is its fingerprint; `notAfter` wall time in milliseconds. */
  readonly issued: (issuer: string, notAfter: number) => void;
  readonly refused: (code: RefusalCode | "internal") => void;
  readonly reviewed: (result: ReviewResult, millis: number) => void;
  /** A token was judged without the API server. */
  readonly unconfirmed: () => void;
  readonly bundleWritten: (result: "ok" | "failed") => void;
  readonly setAuthority: (authority: Authority) => void;
  readonly setLeading: (leading: boolean) => void;
  /** Of the leader; undefined on all others. */
  readonly setStatus: (status: AuthorityStatus | undefined) => void;
  /** When the last leaf of each issuer of this process ends, in milliseconds. */
  readonly latestEnds: () => Readonly<Record<string, number>>;
}

/** A review takes some milliseconds; two seconds are its limit. */
const reviewBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];
/** Issuers of one process: one more with every renewal, and that is every few weeks. */
const maxIssuers = 16;

export function createIdentityMetrics(): IdentityMetrics {
  const issued = createCounter({
    name: "remora_identity_certificates_issued_total",
    help: "Certificates issued to workloads.",
    labelNames: [],
  });
  const refused = createCounter({
    name: "remora_identity_requests_refused_total",
    help: "Requests that got no certificate, by the reason.",
    labelNames: ["code"],
  });
  const reviews = createHistogram({
    name: "remora_identity_token_review_seconds",
    help: "Reviews of tokens by the API server, by what came of them.",
    labelNames: ["outcome"],
    bounds: reviewBounds,
  });
  const unconfirmed = createCounter({
    name: "remora_identity_tokens_unconfirmed_total",
    help: "Tokens judged by their signature alone, because the API server did not answer.",
    labelNames: [],
  });
  const writes = createCounter({
    name: "remora_identity_bundle_writes_total",
    help: "Trust bundles written into namespaces, by how it went.",
    labelNames: ["result"],
  });
  const state: MetricState = { authority: undefined, leading: false, status: undefined };
  const ends = new Map<string, number>();
  const issuedSeries = issued.series();
  const unconfirmedSeries = unconfirmed.series();
  return {
    families: [
      issued,
      refused,
      reviews,
      unconfirmed,
      writes,
      ...authorityFamilies(state, ends),
      ...leaderFamilies(state),
    ],
    issued(issuer, notAfter) {
      issuedSeries.value += 1;
      if (notAfter <= (ends.get(issuer) ?? 0)) return;
      ends.set(issuer, notAfter);
      dropOldest(ends, maxIssuers);
    },
    refused: (code) => void refused.series(code).value++,
    reviewed: (result, millis) => observe(reviewBounds, reviews.series(result), millis / 1_000),
    unconfirmed: () => void unconfirmedSeries.value++,
    bundleWritten: (result) => void writes.series(result).value++,
    setAuthority: (authority) => void Object.assign(state, { authority }),
    setLeading: (leading) => void Object.assign(state, { leading }),
    setStatus: (status) => void Object.assign(state, { status }),
    latestEnds: () => Object.fromEntries(ends),
  };
}

interface MetricState {
  readonly authority: Authority | undefined;
  readonly leading: boolean;
  readonly status: AuthorityStatus | undefined;
}

/** The leader reads the last two of every replica before it lets an old root go. */
function authorityFamilies(
  state: MetricState,
  ends: ReadonlyMap<string, number>,
): readonly MetricFamily[] {
  return [
    createComputedGauge(
      "remora_identity_authority_expiry_seconds",
      "End of the authority's own certificates, in seconds since 1970.",
      () => (state.authority === undefined ? undefined : toSeconds(state.authority.notAfter)),
    ),
    computed(
      "remora_identity_issuer_info",
      "Always 1: the fingerprint of the certificate that this replica issues under.",
      () =>
        state.authority === undefined ? [] : [{ labels: { issuer: state.authority.id }, value: 1 }],
    ),
    computed(
      "remora_identity_latest_certificate_end_seconds",
      "When the last certificate ends that this process issued, by issuer.",
      () => Array.from(ends, ([issuer, end]) => ({ labels: { issuer }, value: toSeconds(end) })),
    ),
  ];
}

function leaderFamilies(state: MetricState): readonly MetricFamily[] {
  const ofStatus = (read: (status: AuthorityStatus) => number) => (): number | undefined =>
    state.status === undefined ? undefined : read(state.status);
  return [
    createComputedGauge("remora_identity_leading", "1 on the replica that acts for all.", () =>
      state.leading ? 1 : 0,
    ),
    computed(
      "remora_identity_bundle_info",
      "Always 1: the fingerprint of the trust bundle that the leader publishes.",
      () =>
        state.status === undefined ? [] : [{ labels: { hash: state.status.bundle }, value: 1 }],
    ),
    computed("remora_identity_rotation_info", "Always 1: the phase of the root's rotation.", () =>
      state.status === undefined ? [] : [{ labels: { phase: state.status.phase }, value: 1 }],
    ),
    createComputedGauge(
      "remora_identity_bundle_laggards",
      "Pods that do not have the newest trust bundle in force, or could not be asked.",
      ofStatus(({ pods }) =>
        Object.entries(pods.bundles).reduce(
          (sum, [hash, count]) => (hash === state.status?.bundle ? sum : sum + count),
          0,
        ),
      ),
    ),
    createComputedGauge(
      "remora_identity_bundle_pending_namespaces",
      "Namespaces that do not have the newest trust bundle yet.",
      ofStatus(({ namespaces }) => namespaces.pending),
    ),
    createComputedGauge(
      "remora_identity_root_expiry_seconds",
      "End of the root above the issuer, in seconds since 1970.",
      ofStatus(({ roots }) => {
        const root = roots.find(({ role }) => role === "current");
        return root === undefined ? 0 : toSeconds(Date.parse(root.notAfter));
      }),
    ),
  ];
}

/** Upwards: the leader must not take a leaf for ended that has a moment left. */
function toSeconds(millis: number): number {
  return Math.ceil(millis / 1_000);
}
