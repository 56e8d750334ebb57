/** What earlier connections showed of undeclared destinations, so that the cost of finding out is paid once. */

export class LearnedProtocols {
  readonly #known = new Map<string, "http" | "opaque">();

  get(key: string): "http" | "opaque" | undefined {
    return this.#known.get(key);
  }

  set(key: string, protocol: "http" | "opaque"): void {
    this.#known.delete(key);
    this.#known.set(key, protocol);
    if (this.#known.size <= maxLearned) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/** Undeclared destinations that one pod talks to; forgetting one costs a detection. */
const maxLearned = 1_024;
