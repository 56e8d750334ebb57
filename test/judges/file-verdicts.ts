/** The verdicts of one test file: those that its tests tell, or its tests themselves where each is a case of a judge. */
import type { run } from "node:test";
import { readVerdict, type Verdict } from "./verdict.ts";

/** Whose case every test of a file is. */
export type Cases = readonly [judge: string, against: string];

export async function collectVerdicts(
  events: ReturnType<typeof run>,
  file: string,
  cases?: Cases,
): Promise<readonly Verdict[]> {
  const found = new FileVerdicts(cases ?? [file, "-"]);
  for await (const { type, data } of events) {
    // What a test tells is reported behind its end.
    if (type === "test:diagnostic") found.told(readVerdict(data.message));
    else if (type === "test:pass" && data.details.type !== "suite") {
      found.ended(cases && verdictOf(cases, data.skip && `${data.name}: skipped: ${data.skip}`));
    } else if (type === "test:fail" && data.details.type !== "suite") {
      const why = data.details.error.message.split("\n", 1)[0] ?? "";
      found.failed(`${data.name}: ${why}`);
    }
  }
  return found.all();
}

class FileVerdicts {
  readonly #whose: Cases;
  readonly #all: Verdict[] = [];
  /** How the test failed that ended last. */
  #failure: string | undefined;
  /** What it was about, if it has told. */
  #about: Cases | undefined;

  constructor(whose: Cases) {
    this.#whose = whose;
  }

  ended(verdict: Verdict | undefined): void {
    this.#settle();
    if (verdict !== undefined) this.#all.push(verdict);
  }

  failed(failure: string): void {
    this.#settle();
    this.#failure = failure;
  }

  told(verdict: Verdict | undefined): void {
    if (verdict === undefined) return;
    this.#all.push(verdict);
    this.#about = [verdict.judge, verdict.against];
    if (verdict.passed < verdict.of) this.#failure = undefined;
  }

  all(): readonly Verdict[] {
    this.#settle();
    return this.#all.length > 0 ? this.#all : [verdictOf(this.#whose, "it did not run")];
  }

  /** A failure that no verdict told: the test failed before it told one, or for another reason. */
  #settle(): void {
    if (this.#failure !== undefined) {
      this.#all.push(verdictOf(this.#about ?? this.#whose, this.#failure));
    }
    this.#failure = undefined;
    this.#about = undefined;
  }
}

function verdictOf([judge, against]: Cases, notPassed?: string | boolean): Verdict {
  const missing = notPassed === undefined || notPassed === false ? [] : [String(notPassed)];
  return { judge, against, passed: 1 - missing.length, of: 1, notPassed: missing };
}
