/** The syntaxes of what stands in the lists of a policy. charts/remora/definitions holds the same as patterns. */
import { isIP } from "node:net";
import { isTrustDomain } from "../../core/spiffe-id.ts";
import { type Check, formatPath, text } from "./schema.ts";

/** Kubernetes names, with at most one wildcard, at an end. */
export const namespace: Check = text(
  /^(\*|\*?[a-z0-9]([a-z0-9-]*[a-z0-9])?|[a-z0-9][a-z0-9-]*\*)$/,
  'a namespace, with "*" at the start or the end if need be',
);

export const serviceAccount: Check = text(
  /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  "NAME or NAMESPACE/NAME",
);

export const principal: Check = (value, path, report) => {
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

export const addressBlock: Check = (value, path, report) => {
  const [ip = "", length, ...rest] = typeof value === "string" ? value.split("/") : [];
  // A zone (fe80::1%eth0) is an interface of whoever wrote it.
  const family = ip.includes("%") ? 0 : isIP(ip);
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

/** A port would be compared with what the client claims in its Host; the port that it reached is `ports`. */
export const host: Check = (value, path, report) => {
  const sound =
    typeof value === "string" &&
    value.length <= 253 &&
    /^(\*|\*?[A-Za-z0-9._-]+|[A-Za-z0-9._-]+\*|\[[0-9A-Fa-f:.]+\])$/.test(value);
  if (sound) return;
  const written = `${formatPath(path)}: ${JSON.stringify(value)} is not a host`;
  const port = typeof value === "string" && /:\d+$/.test(value);
  const hint = port
    ? "leave the port out; to.ports has the port that is reached"
    : 'like "shop.example.com", "*.example.com" or "*"';
  report({ path, reason: written, hint });
};

/** Methods are case-sensitive, and those that are registered are written large: small letters would match nothing. */
export const method: Check = text(
  /^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]{0,31}$/,
  "a method in capital letters, like GET",
);

/** Paths are compared with a request's path in normal form, so a pattern in another form would match nothing. */
export const path: Check = (value, at, report) => {
  const problem = pathProblem(value);
  if (problem === undefined) return;
  const hint = 'like "/orders", "/orders/*" or "*.css"';
  report({ path: at, reason: `${formatPath(at)}: ${problem}`, hint });
};

function pathProblem(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "") return "expected a path";
  const written = JSON.stringify(value);
  if (value.length > 256) return `${written} is longer than 256 characters`;
  const stars = value.split("*").length - 1;
  if (stars > 1 || (stars === 1 && !value.startsWith("*") && !value.endsWith("*"))) {
    return `${written}: a "*" may stand only once, at the start or the end`;
  }
  if (!value.startsWith("/") && !value.startsWith("*")) return `${written} does not begin with "/"`;
  if (/[?#]/.test(value)) return `${written}: a path has no query; "?" and "#" cannot stand in it`;
  if (value.includes(";")) return `${written}: path parameters (";") are not compared`;
  if (!/^[A-Za-z0-9._~!$&'()*+,=:@/%-]+$/.test(value)) {
    return `${written}: other characters are written percent-encoded, as in requests`;
  }
  if (/%(?![0-9A-F]{2})/.test(value)) return `${written}: a "%" needs two capital hex digits`;
  if (/%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)/.test(value)) {
    return `${written}: letters, digits, "-", ".", "_" and "~" are not percent-encoded`;
  }
  if (/%(?:[01][0-9A-F]|7F|C[01])/.test(value))
    return `${written}: no request may hold these bytes`;
  if (value.includes("//")) return `${written}: slashes are merged, so "//" matches nothing`;
  const dots = value.split("/").some((segment) => segment === "." || segment === "..");
  return dots ? `${written}: dot segments are resolved, so they match nothing` : undefined;
}

/** These are not end-to-end headers of the request, or a condition of another kind says it better. */
const reservedHeaders =
  /^(host|connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length|remora-.*)$/;

export const headerName: Check = (value, path, report) => {
  const token = typeof value === "string" && /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(value);
  if (token && !reservedHeaders.test(value.toLowerCase())) return;
  const written = `${formatPath(path)}: ${JSON.stringify(value)}`;
  if (!token) report({ path, reason: `${written} is not the name of a header` });
  else {
    const hint = value.toLowerCase() === "host" ? "use to.hosts" : "it belongs to the connection";
    report({ path, reason: `${written} cannot be a condition`, hint });
  }
};

export const headerValue: Check = text(
  /^(\*|\*?[!-)+-~]([ -)+-~]{0,1022}[!-)+-~])?|[!-)+-~][ -)+-~]{0,1022}\*)$/,
  'visible ASCII, with "*" at the start or the end if need be',
);
