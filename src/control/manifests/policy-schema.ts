/** The shape of an AuthorizationPolicy. Closed: a misspelt field in a policy would silently widen it. */
import { isIP } from "node:net";
import { isTrustDomain } from "../../core/spiffe-id.ts";
import { labels } from "./names.ts";
import {
  and,
  boolean,
  type Check,
  fields,
  formatPath,
  integer,
  isMapping,
  list,
  oneOf,
  optional,
  required,
  text,
} from "./schema.ts";

const closed = { closed: true };

/** Kubernetes names, with at most one wildcard, at an end. */
const namespace = text(
  /^(\*|\*?[a-z0-9]([a-z0-9-]*[a-z0-9])?|[a-z0-9][a-z0-9-]*\*)$/,
  'a namespace, with "*" at the start or the end if need be',
);

const serviceAccount = text(
  /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  "NAME or NAMESPACE/NAME",
);

const principal: Check = (value, path, report) => {
  const reason = principalProblem(value);
  if (reason === undefined) return;
  report({
    path,
    reason: `${formatPath(path)}: ${reason}`,
    hint: 'like "spiffe://cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/*" or "*"',
  });
};

function principalProblem(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "") return "expected an identity";
  const name = value.replace(/^spiffe:\/\//, "");
  const stars = name.split("*").length - 1;
  if (stars > 1 || (stars === 1 && !name.startsWith("*") && !name.endsWith("*"))) {
    return `${JSON.stringify(value)}: a "*" may stand only once, at the start or the end`;
  }
  // A pattern may hold any part of an identity; a whole one must be one.
  if (stars === 1) return /^[\w./*-]+$/.test(name) ? undefined : "not a pattern of identities";
  const [trustDomain = "", ns, namespace, sa, account, ...rest] = name.split("/");
  const whole = isTrustDomain(trustDomain) && ns === "ns" && namespace && sa === "sa" && account;
  return whole && rest.length === 0
    ? undefined
    : `${JSON.stringify(value)} is not an identity of the form TRUST-DOMAIN/ns/NAMESPACE/sa/NAME`;
}

const addressBlock: Check = (value, path, report) => {
  const [ip = "", length, ...rest] = typeof value === "string" ? value.split("/") : [];
  const family = isIP(ip);
  const bits = length === undefined ? 0 : Number(length);
  const sound =
    family !== 0 &&
    rest.length === 0 &&
    (length === undefined || /^\d{1,3}$/.test(length)) &&
    bits <= (family === 4 ? 32 : 128);
  if (sound) return;
  report({
    path,
    reason: `${formatPath(path)}: expected an IP address or a CIDR block, got ${JSON.stringify(value)}`,
  });
};

/** An empty list could be meant as "none" or as "any"; so it is refused, like an empty mapping. */
function values(check: Check): ReturnType<typeof optional> {
  return optional(list(check, 1));
}

const notEmpty: Check = (value, path, report) => {
  if (isMapping(value) && Object.keys(value).length > 0) return;
  report({
    path,
    reason: `${formatPath(path)}: says nothing`,
    hint: `leave "${String(path.at(-1))}" out to mean everything`,
  });
};

const peers = and(
  fields(
    {
      principals: values(principal),
      notPrincipals: values(principal),
      serviceAccounts: values(serviceAccount),
      notServiceAccounts: values(serviceAccount),
      namespaces: values(namespace),
      notNamespaces: values(namespace),
      addresses: values(addressBlock),
      notAddresses: values(addressBlock),
    },
    closed,
  ),
  notEmpty,
);

const port = integer(1, 65_535);
const target = and(fields({ ports: values(port), notPorts: values(port) }, closed), notEmpty);

const rule = fields({ from: optional(peers), to: optional(target) }, closed);

const selector = and(fields({ matchLabels: required(labels) }, closed), (value, path, report) => {
  const matchLabels = isMapping(value) ? value["matchLabels"] : undefined;
  if (isMapping(matchLabels) && Object.keys(matchLabels).length > 0) return;
  report({
    path,
    reason: `${formatPath(path)}: has no labels`,
    hint: "leave the selector out to mean every pod",
  });
});

export const policySpec: Check = fields(
  {
    selector: optional(selector),
    action: required(oneOf("Allow", "Deny")),
    rules: optional(list(rule)),
    audit: optional(boolean),
  },
  closed,
);
