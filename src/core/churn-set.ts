/**
 * A set whose members come and go all the time. V8 rebuilds a Set's table again and again then, and each table points to the
 * next one: once one of them is in the old generation, all later ones follow with the members of their time, until a full
 * collection. So the Set itself is replaced now and then, which ends the row.
 */

/** What a Set and a ChurnSet have in common. */
export interface Bag<T> extends Iterable<T> {
  readonly size: number;
  add(member: T): unknown;
  delete(member: T): boolean;
}

/** Members that may be carried along in vain; a copy of a small set costs about as much as so many additions. */
const mostCarried = 64;

export class ChurnSet<T> implements Bag<T> {
  #members = new Set<T>();
  #left = 0;

  get size(): number {
    return this.#members.size;
  }

  add(member: T): void {
    this.#members.add(member);
  }

  delete(member: T): boolean {
    if (!this.#members.delete(member)) return false;
    this.#left += 1;
    if (this.#left > Math.max(mostCarried, this.#members.size)) {
      this.#left = 0;
      this.#members = new Set(this.#members);
    }
    return true;
  }

  /** In the order in which they came; members that leave meanwhile may still be given. */
  [Symbol.iterator](): Iterator<T> {
    return this.#members.values();
  }
}
