/**
 * Whose an address is when several say that it is theirs. Objects are deleted late, and events of different kinds come
 * in any order, so a pod that is long gone may still be held when another has its address; nobody may be sent to the
 * old one's identity. Should the choice ever be wrong, a peer's certificate does not fit, and nothing is sent at all.
 */

export interface Claimant {
  readonly uid: string;
  readonly addresses: readonly string[];
  /** It is on its way out: its address may have been given away. */
  readonly leaving: boolean;
  /** When it began, as the API server writes times, which sort as text; empty when nobody knows. */
  readonly since: string;
}

interface Claim<T> {
  readonly claimant: T;
  /** The number of the change by which we first heard of it. */
  readonly heard: number;
}

export class AddressClaims<T extends Claimant> {
  readonly #claims = new Map<string, readonly Claim<T>[]>();

  owner(address: string): T | undefined {
    return this.#claims.get(address)?.reduce(stronger).claimant;
  }

  /** Puts a claimant in the place of what was known of it; gives who else claims one of the addresses. */
  replace(before: T | undefined, next: T | undefined, change: number): readonly T[] {
    const rivals = new Set<T>();
    const addresses = new Set([...(before?.addresses ?? []), ...(next?.addresses ?? [])]);
    for (const address of addresses) {
      const claims = this.#claims.get(address) ?? [];
      const old = claims.find(({ claimant }) => claimant === before);
      const left = claims.filter((claim) => claim !== old);
      for (const { claimant } of left) rivals.add(claimant);
      if (next?.addresses.includes(address) === true) {
        const heard = old?.claimant.uid === next.uid ? old.heard : change;
        left.push({ claimant: next, heard });
      }
      if (left.length === 0) this.#claims.delete(address);
      else this.#claims.set(address, left);
    }
    return Array.from(rivals);
  }
}

/**
 * Who leaves yields. Then who was heard of later has it: the API server tells one kind's changes in order. Only what
 * was heard of at once, as in a list, is told apart by its age.
 */
function stronger<T extends Claimant>(one: Claim<T>, other: Claim<T>): Claim<T> {
  if (one.claimant.leaving !== other.claimant.leaving) return one.claimant.leaving ? other : one;
  if (one.heard !== other.heard) return one.heard < other.heard ? other : one;
  return one.claimant.since <= other.claimant.since ? other : one;
}
