/** One AdmissionReview (admission.k8s.io/v1): the bytes of the question go in, the answer comes out. Nothing is asked of anybody. */
import type { NamespaceMeta, RefusalReason, SkipReason } from "./eligibility.ts";
import { skipReasons } from "./eligibility.ts";
import { isNestedDeeper } from "./json-depth.ts";
import { type InjectionOptions, injectLabel } from "./options.ts";
import { type Owner, readOwner } from "./owner.ts";
import { injectPod } from "./patch.ts";
import { readPod } from "./pod-shape.ts";

export interface ReviewOptions {
  readonly injection: InjectionOptions;
  /** The control plane's own namespace. */
  readonly namespace: string;
}

/** The request of a review that can be answered: it is an object and has a uid. */
export type ReviewRequest = Fields;

export type Outcome =
  | "injected"
  | "unchanged"
  | "skipped"
  | "refused"
  | "not_applicable"
  | "malformed";

/** What a review was about, for the log and the counters. */
export interface ReviewFacts {
  readonly outcome: Outcome;
  /** Why a pod was skipped or refused; empty for every other outcome. */
  readonly reason: SkipReason | RefusalReason | "system_namespace" | "";
  readonly detail: string;
  readonly dryRun: boolean;
  readonly uid: string;
  readonly namespace: string;
  readonly pod: string;
  /** Who makes the pod; a pod of its own has none, and its name may not be known yet. */
  readonly owner: Owner | undefined;
}

export type ReviewAnswer = ReviewFacts & { readonly review: AdmissionReview };

export interface AdmissionReview {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: AdmissionResponse;
}

interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: "JSONPatch";
  /** Base64 of the JSON Patch. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
}

/** A pod needs about 15; what recurses over a pod overflows at thousands. */
const maxDepth = 100;
/** The API server shows 4,096 characters of warnings in all. */
const maxWarnings = 16;
const maxWarningLength = 256;
const maxMessageLength = 2_048;

const neverInjected = ["kube-system", "kube-node-lease"];
/** The webhook's selectors decide which pods come here; what the namespace's labels say is not in a review. */
const optedIn = { [injectLabel]: "enabled" };

type Fields = Readonly<Record<string, unknown>>;

/** Pods that a cluster needs in order to start, and those of the control plane, are never changed. */
export function isSystemNamespace(namespace: string, ownNamespace: string): boolean {
  return neverInjected.includes(namespace) || namespace === ownNamespace;
}

/** The namespace whose annotations the answer needs; undefined when it needs none. */
export function namespaceOfPod(request: ReviewRequest): string | undefined {
  const { namespace } = request;
  return isPodCreation(request) && typeof namespace === "string" ? namespace : undefined;
}

/** Answers every request, a nonsensical pod included, and throws never on purpose. */
export function answerReview(
  request: ReviewRequest,
  annotations: NamespaceMeta["annotations"],
  options: ReviewOptions,
): ReviewAnswer {
  const facts = describe(request);
  if (!isPodCreation(request)) {
    return allow({ ...facts, outcome: "not_applicable", detail: "not the creation of a pod" });
  }
  if (isSystemNamespace(facts.namespace, options.namespace)) {
    return skip(facts, "system_namespace", "pods of this namespace are never changed");
  }
  const pod = readPod(request["object"]);
  if (typeof pod === "string") return deny({ ...facts, outcome: "malformed", detail: pod });
  const namespace = { labels: optedIn, ...(annotations && { annotations }) };
  const injection = injectPod(pod, namespace, options.injection);
  if (injection.kind === "skip") {
    return skip(facts, injection.reason, skipReasons[injection.reason]);
  }
  if (injection.kind === "refuse") {
    const { reason, message } = injection;
    return deny({ ...facts, outcome: "refused", reason, detail: message });
  }
  const warnings = limitWarnings(injection.warnings);
  const extra = warnings.length > 0 ? { warnings } : {};
  const { patch } = injection;
  if (patch.length === 0) return allow({ ...facts, outcome: "unchanged", detail: "" }, extra);
  return allow(
    { ...facts, outcome: "injected", detail: "" },
    {
      patchType: "JSONPatch",
      patch: Buffer.from(JSON.stringify(patch)).toString("base64"),
      ...extra,
    },
  );
}

/** The request of the review, or what is wrong with the review. */
export function readReview(body: Buffer): ReviewRequest | string {
  if (body.length === 0) return "the body is empty";
  if (isNestedDeeper(body, maxDepth)) return `the body is nested deeper than ${maxDepth} levels`;
  let review: unknown;
  try {
    review = JSON.parse(body.toString("utf8"));
  } catch {
    return "the body is not JSON";
  }
  if (!isFields(review) || review["kind"] !== "AdmissionReview") {
    return "the body is not an AdmissionReview";
  }
  if (review["apiVersion"] !== "admission.k8s.io/v1") {
    return "only apiVersion admission.k8s.io/v1 is understood";
  }
  const request = review["request"];
  if (!isFields(request)) return "the review has no request";
  const uid = request["uid"];
  return typeof uid === "string" && uid !== "" ? request : "the request has no uid";
}

function describe(request: Fields): Omit<ReviewFacts, "outcome"> {
  const { uid, namespace, name, object, dryRun } = request;
  const metadata = isFields(object) && isFields(object["metadata"]) ? object["metadata"] : {};
  return {
    reason: "",
    detail: "",
    dryRun: dryRun === true,
    uid: String(uid),
    namespace: typeof namespace === "string" ? namespace : "",
    pod: firstText(name, metadata["name"], metadata["generateName"]),
    owner: readOwner(metadata["ownerReferences"]),
  };
}

function firstText(...values: readonly unknown[]): string {
  for (const value of values) if (typeof value === "string" && value !== "") return value;
  return "";
}

/** Subresources such as `pods/ephemeralcontainers` belong to pods whose containers cannot change any more. */
function isPodCreation(request: Fields): boolean {
  const { kind, operation, subResource } = request;
  const isPod =
    isFields(kind) &&
    (kind["group"] ?? "") === "" &&
    kind["version"] === "v1" &&
    kind["kind"] === "Pod";
  return isPod && operation === "CREATE" && (subResource ?? "") === "";
}

function skip(
  facts: Omit<ReviewFacts, "outcome">,
  reason: SkipReason | "system_namespace",
  detail: string,
): ReviewAnswer {
  // Whoever looks for the missing sidecar finds this in the API server's audit log.
  const auditAnnotations = { skipped: reason };
  return allow({ ...facts, outcome: "skipped", reason, detail }, { auditAnnotations });
}

function allow(facts: ReviewFacts, extra: Partial<AdmissionResponse> = {}): ReviewAnswer {
  return { ...facts, review: wrap({ uid: facts.uid, allowed: true, ...extra }) };
}

function deny(facts: ReviewFacts): ReviewAnswer {
  const malformed = facts.outcome === "malformed";
  const status = {
    code: malformed ? 400 : 403,
    reason: malformed ? "BadRequest" : "Forbidden",
    message: shorten(facts.detail, maxMessageLength),
  };
  return { ...facts, review: wrap({ uid: facts.uid, allowed: false, status }) };
}

function wrap(response: AdmissionResponse): AdmissionReview {
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}

function limitWarnings(warnings: readonly string[]): readonly string[] {
  return warnings.slice(0, maxWarnings).map((text) => shorten(text, maxWarningLength));
}

function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
