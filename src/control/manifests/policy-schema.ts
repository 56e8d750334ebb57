/** The shapes of AuthorizationPolicy and MeshPolicy. Closed: a misspelt field in a policy would silently widen it. */
import { labels } from "./names.ts";
import {
  addressBlock,
  headerName,
  headerValue,
  host,
  method,
  namespace,
  path,
  principal,
  serviceAccount,
} from "./policy-values.ts";
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
} from "./schema.ts";

const closed = { closed: true };

/** Far above what people write, and what the API server can check in the time that it allows itself. */
const maxRules = 64;
const maxPeers = 128;
const maxPatterns = 64;
const maxMethods = 32;
const maxHeaders = 16;
const maxPorts = 64;

/** An empty list could be meant as "none" or as "any"; so it is refused, like an empty mapping. */
function values(check: Check, max: number = maxPeers): ReturnType<typeof optional> {
  return optional(list(check, 1, max));
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

const headerSaysSomething: Check = (value, path, report) => {
  if (!isMapping(value)) return;
  const given = ["values", "notValues", "present"].filter((name) => value[name] != null);
  if (given.length === 0) {
    report({ path, reason: `${formatPath(path)}: needs values, notValues or present` });
  } else if (value["present"] === false && given.length > 1) {
    report({ path, reason: `${formatPath(path)}: a header that is absent has no values` });
  }
};

const header = and(
  fields(
    {
      name: required(headerName),
      values: values(headerValue, maxPatterns),
      notValues: values(headerValue, maxPatterns),
      present: optional(boolean),
    },
    closed,
  ),
  headerSaysSomething,
);

const target = and(
  fields(
    {
      ports: values(port),
      notPorts: values(port),
      hosts: values(host, maxPatterns),
      notHosts: values(host, maxPatterns),
      methods: values(method, maxMethods),
      notMethods: values(method, maxMethods),
      paths: values(path, maxPatterns),
      notPaths: values(path, maxPatterns),
      headers: optional(list(header, 1, maxHeaders)),
    },
    closed,
  ),
  notEmpty,
);

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

/** The `spec` of an AuthorizationPolicy. */
export const policySpec: Check = fields(
  {
    selector: optional(selector),
    action: required(oneOf("Allow", "Deny")),
    rules: optional(list(rule, 0, maxRules)),
    audit: optional(boolean),
  },
  closed,
);

const settings = {
  mtls: optional(oneOf("Permissive", "Strict")),
  defaultAction: optional(oneOf("Allow", "Deny")),
};

const portSettings = and(
  fields({ port: required(port), ...settings }, closed),
  (value, path, report) => {
    if (!isMapping(value) || value["mtls"] != null || value["defaultAction"] != null) return;
    report({ path, reason: `${formatPath(path)}: needs mtls or defaultAction` });
  },
);

const differentPorts: Check = (value, path, report) => {
  const ports = isMapping(value) ? value["ports"] : undefined;
  if (!Array.isArray(ports)) return;
  const numbers = ports.map((item: unknown) => (isMapping(item) ? item["port"] : undefined));
  numbers.forEach((number, index) => {
    if (numbers.indexOf(number) === index) return;
    const place = [...path, "ports", index];
    report({
      path: place,
      reason: `${formatPath(place)}: a second entry for port ${String(number)}`,
    });
  });
};

const decidesSomething: Check = (value, path, report) => {
  if (!isMapping(value)) return;
  if (["mtls", "defaultAction", "ports"].some((name) => value[name] != null)) return;
  report({ path, reason: `${formatPath(path)}: needs mtls, defaultAction or ports` });
};

/** The `spec` of a MeshPolicy. */
export const meshPolicySpec: Check = and(
  fields(
    {
      selector: optional(selector),
      ...settings,
      ports: optional(list(portSettings, 1, maxPorts)),
    },
    closed,
  ),
  differentPorts,
  decidesSomething,
);
