/** Reads a program's settings from the environment by one table, and reports every bad value at once. */

/** One setting: the environment name is the key of the table that holds it. */
export interface Setting<T> {
  /** What it does, with the sensible range; printed in docs/configuration.md. */
  readonly doc: string;
  /** The text used when the variable is unset; undefined makes the setting required. */
  readonly fallback: string | undefined;
  /** Gives the value, or throws an Error whose message says what was expected. */
  readonly parse: (text: string) => T;
}

export type SettingTable = Readonly<Record<string, Setting<unknown>>>;
export type Settings<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer T> ? T : never;
};

/** All problems of one environment, one sentence each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Walks the whole table before it throws a ConfigError; the result is frozen. */
export function readSettings<Table extends SettingTable>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
): Settings<Table> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const text = environment[name] ?? setting.fallback;
    if (text === undefined) {
      problems.push(`${name} is not set: ${setting.doc}`);
      continue;
    }
    try {
      values[name] = setting.parse(text);
    } catch (error) {
      problems.push(`${name}=${JSON.stringify(text)}: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as Settings<Table>;
}
