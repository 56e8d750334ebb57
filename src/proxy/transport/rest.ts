/** Byte gear. What an engine has left of its input until the next turn; it comes before all that is received meanwhile. */
export class Rest {
  #bytes: Buffer | undefined;

  get waits(): boolean {
    return this.#bytes !== undefined;
  }

  /** Copies, since `rest` is valid only during the engine's call. */
  keep(rest: Buffer): void {
    this.#bytes = Buffer.from(rest);
  }

  /** Puts `chunk` behind a rest; false when there is none, and the engine may have it at once. */
  append(chunk: Buffer): boolean {
    if (this.#bytes === undefined) return false;
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    return true;
  }

  /** Undefined when nothing waits. The engine may leave a rest of it again. */
  take(): Buffer | undefined {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes;
  }
}
