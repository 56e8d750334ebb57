/** Small checks that are put together to the shape of a kind; each reports where it fails and goes on. */
import { nearest } from "./nearest.ts";

export type Path = readonly (string | number)[];

export interface Issue {
  /** The place in the object; its line is looked up by whoever has the text. */
  readonly path: Path;
  readonly reason: string;
  readonly hint?: string;
}

export type Report = (issue: Issue) => void;
export type Check = (value: unknown, path: Path, report: Report) => void;

interface Field {
  readonly check: Check;
  readonly required: boolean;
}

export function required(check: Check): Field {
  return { check, required: true };
}

export function optional(check: Check): Field {
  return { check, required: false };
}

export const anything: Check = () => undefined;

/** Text; `pattern` decides and `expected` says in words what the pattern wants. */
export function text(pattern?: RegExp, expected = "a string"): Check {
  return (value, path, report) => {
    if (typeof value !== "string") {
      const quotes = typeof value === "number" || typeof value === "boolean";
      report(mismatch(path, expected, value, quotes ? "put it in quotes" : undefined));
    } else if (pattern !== undefined && !pattern.test(value)) {
      report(mismatch(path, expected, value));
    }
  };
}

export function integer(min: number, max: number): Check {
  const expected = `a whole number from ${min} to ${max}`;
  return (value, path, report) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max)
      return;
    const quoted = typeof value === "string" && /^\d+$/.test(value);
    report(mismatch(path, expected, value, quoted ? "remove the quotes" : undefined));
  };
}

export const boolean: Check = (value, path, report) => {
  if (typeof value !== "boolean") report(mismatch(path, "true or false", value));
};

export function oneOf(...choices: readonly string[]): Check {
  return (value, path, report) => {
    if (typeof value === "string" && choices.includes(value)) return;
    const near = typeof value === "string" ? nearest(value, choices) : undefined;
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    report(mismatch(path, choices.join(" or "), value, hint));
  };
}

/** The first check whose type fits decides: `numeric` for numbers, `textual` for everything else. */
export function numberOr(numeric: Check, textual: Check): Check {
  return (value, path, report) =>
    (typeof value === "number" ? numeric : textual)(value, path, report);
}

export function list(check: Check, min = 0, max: number = Number.POSITIVE_INFINITY): Check {
  return (value, path, report) => {
    if (!Array.isArray(value)) {
      report(mismatch(path, "a list", value, "start each item with a dash"));
      return;
    }
    if (value.length < min) report({ path, reason: `${formatPath(path)}: the list is empty` });
    if (value.length > max) {
      const reason = `${formatPath(path)}: has ${value.length} items, and at most ${max} are taken`;
      report({ path, reason });
    }
    value.forEach((item, index) => check(item, [...path, index], report));
  };
}

/** A mapping with free keys. */
export function record(check: Check): Check {
  return (value, path, report) => {
    if (!isMapping(value)) report(mismatch(path, "a mapping", value));
    else for (const [key, item] of Object.entries(value)) check(item, [...path, key], report);
  };
}

export interface FieldOptions {
  /** Names that are legal and not looked into. */
  readonly also?: readonly string[];
  /** Every other name is an error; otherwise only one that looks like a misspelt one. */
  readonly closed?: boolean;
}

/** A mapping with known keys. */
export function fields(known: Readonly<Record<string, Field>>, options: FieldOptions = {}): Check {
  const names = [...Object.keys(known), ...(options.also ?? [])];
  return (value, path, report) => {
    if (!isMapping(value)) {
      report(mismatch(path, "a mapping", value));
      return;
    }
    const misspelt = new Set<string>();
    for (const key of Object.keys(value)) {
      if (names.includes(key)) continue;
      const near = nearest(key, names);
      if (near === undefined && options.closed !== true) continue;
      if (near !== undefined) misspelt.add(near);
      report({
        path: [...path, key],
        reason: `${formatPath(path)}: unknown field ${JSON.stringify(key)}`,
        hint: near === undefined ? `known are ${names.join(", ")}` : `did you mean ${near}?`,
      });
    }
    for (const [name, field] of Object.entries(known)) {
      const item = value[name];
      // As in Kubernetes, null is the same as absent; where a field widens by its absence that is not said lightly.
      if (item === null && options.closed === true) {
        report({
          path: [...path, name],
          reason: `${formatPath([...path, name])}: says nothing`,
          hint: `leave "${name}" out if that is meant`,
        });
      } else if (item !== undefined && item !== null) field.check(item, [...path, name], report);
      else if (field.required && !misspelt.has(name)) {
        report({ path, reason: `${formatPath([...path, name])} is missing` });
      }
    }
  };
}

/** Runs further checks on a value that has passed the first one. */
export function and(first: Check, ...others: readonly Check[]): Check {
  return (value, path, report) => {
    let sound = true;
    first(value, path, (issue) => {
      sound = false;
      report(issue);
    });
    if (sound) for (const check of others) check(value, path, report);
  };
}

/** `spec.containers[0].ports`; the object itself has no name. */
export function formatPath(path: Path): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) out += out === "" ? part : `.${part}`;
    else out += `[${JSON.stringify(part)}]`;
  }
  return out === "" ? "the object" : out;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mismatch(path: Path, expected: string, value: unknown, hint?: string): Issue {
  const reason = `${formatPath(path)}: expected ${expected}, got ${describe(value)}`;
  return hint === undefined ? { path, reason } : { path, reason, hint };
}

function describe(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const written = JSON.stringify(value);
  const short = written.length > 60 ? `${written.slice(0, 57)}…` : written;
  return `the ${typeof value} ${short}`;
}
