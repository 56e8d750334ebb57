/**
 * The one form in which a path is judged and forwarded, and the other ways in which servers might read it.
 *
 *   /a/./b//c/../d   /a\b   /%61   →  /a/b/d   /a/b   /a        forwarded so
 *   /a%2Fb;v=1   /a%20             →  stays, and is also judged as /a/b, /a/b;v=1 and /a%2Fb; as /a
 *   /%00   /a%2F..%2Fb   /..;/a    →  refused: no two servers need agree on what it is
 */

export interface NormalPath {
  /** What is forwarded: the path in normal form, with the query as it came. */
  readonly target: string;
  /** Without the query. */
  readonly path: string;
  /** What servers may make of it that decode slashes or drop path parameters; mostly none. */
  readonly otherReadings: readonly string[];
}

/** Undefined for what is no path or has no single meaning. A path in normal form is its own. */
export function normalizePath(target: string): NormalPath | undefined {
  const query = target.indexOf("?");
  const raw = query < 0 ? target : target.slice(0, query);
  if (isPlain(raw)) return { target, path: raw, otherReadings: none };
  if (!raw.startsWith("/") || !isVisible(raw)) return undefined;
  const decoded = decodeNeedless(raw.replaceAll("\\", "/"));
  if (decoded === undefined) return undefined;
  const path = resolveSegments(decoded);
  const otherReadings = readOtherwise(path);
  if (otherReadings === undefined) return undefined;
  const whole = query < 0 ? path : path + target.slice(query);
  return { target: whole, path, otherReadings };
}

const none: readonly string[] = [];

/** One pass over what nearly every path is: segments of letters, digits and marks that have one reading. */
function isPlain(path: string): boolean {
  if (path.charCodeAt(0) !== slash) return false;
  let before = 0;
  for (let index = 0; index < path.length; index += 1) {
    const code = path.charCodeAt(index);
    if (code >= 0x80 || isPlainByte[code] === 0) return false;
    if (before === slash && (code === slash || code === dot)) return false;
    before = code;
  }
  return true;
}

const slash = 0x2f;
const dot = 0x2e;

const isPlainByte: Uint8Array = Uint8Array.from({ length: 128 }, (_, byte) =>
  /[A-Za-z0-9._~!$&'()*+,=:@/-]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** Engines let nothing else through, but whoever judges must not lean on that. */
function isVisible(path: string): boolean {
  return /^[!-"$-~]+$/.test(path);
}

/** Decodes what needs no encoding (RFC 3986 6.2.2.2); undefined where no request may hold the byte. */
function decodeNeedless(path: string): string | undefined {
  let refused = false;
  const decoded = path.replace(/%(..?)?/g, (escape: string, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9A-Fa-f]{2}$/.test(digits)) {
      refused = true;
      return escape;
    }
    const byte = Number.parseInt(digits, 16);
    // Control characters, and bytes that only an overlong form of another character begins with.
    if (byte < 0x20 || byte === 0x7f || byte === 0xc0 || byte === 0xc1) refused = true;
    const text = String.fromCharCode(byte);
    return /[A-Za-z0-9._~-]/.test(text) ? text : escape.toUpperCase();
  });
  return refused ? undefined : decoded;
}

/** Merges slashes and resolves dot segments (RFC 3986 5.2.4). */
function resolveSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
    // What ends in a slash or a dot segment names a folder.
    if (last && (segment === "" || segment === "." || segment === "..")) kept.push("");
  });
  return `/${kept.join("/")}`;
}

/** Undefined when one of the readings holds what the normal form was to get rid of. */
function readOtherwise(path: string): readonly string[] | undefined {
  if (!/[%;]/.test(path)) return none;
  const decoded = decodeSlashes(path);
  if (decoded === undefined) return undefined;
  const readings = new Set<string>();
  for (const reading of [dropParameters(path), decoded, dropParameters(decoded)]) {
    if (/\/\.\.?(?:\/|$)/.test(reading)) return undefined;
    readings.add(reading.replace(/\/{2,}/g, "/"));
  }
  readings.delete(path);
  return readings.size === 0 ? none : [...readings];
}

/** A server that decodes once too often sees through this many layers; who writes more means no good. */
const maxLayers = 3;

/** What was encoded to be no separator, as one; undefined when it hides what no request may hold. */
function decodeSlashes(path: string): string | undefined {
  let text = path;
  for (let layer = 0; layer <= maxLayers; layer += 1) {
    const next = text
      .replace(/%(?:2F|5C)/g, "/")
      .replaceAll("%3B", ";")
      .replace(/%25(?=[0-9A-Fa-f]{2})/g, "%");
    if (next === text) return text;
    const decoded = decodeNeedless(next);
    if (decoded === undefined) return undefined;
    text = decoded;
  }
  return undefined;
}

/** And the blanks at the ends of segments, which some file systems do not see. */
function dropParameters(path: string): string {
  return path.replace(/(?:%20)*(?:;[^/]*|(?=\/|$))/g, "");
}
