/** The policies that the control plane has told, and those of them that hold for this pod. */
import { isDeepStrictEqual } from "node:util";
import {
  type Authorization,
  noPolicySnapshot,
  type PolicySnapshot,
  policyName,
} from "../../api/authorization.ts";
import { openWorkloadPolicy } from "../../api/mesh-policy.ts";
import type { Workload } from "../../api/workload.ts";
import { createWatch, type Watch } from "../../core/watch.ts";

export class PolicyBook {
  readonly #snapshot = createWatch<PolicySnapshot>(noPolicySnapshot);
  readonly #held = new Map<string, { readonly version: string; readonly policy: Authorization }>();
  /** Names whose newest version could not be understood and that have no older one. */
  readonly #unreadable = new Set<string>();
  /** Names that the control plane has taken back; the workload may go on naming them for a moment. */
  readonly #withdrawn = new Set<string>();
  readonly #namespace: string;
  #own: Workload | undefined;
  #told = false;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  get snapshots(): Watch<PolicySnapshot> {
    return this.#snapshot;
  }

  versions(): Map<string, string> {
    return new Map(Array.from(this.#held, ([name, { version }]) => [name, version]));
  }

  put(name: string, version: string, policy: Authorization): void {
    this.#held.set(name, { version, policy });
    this.#unreadable.delete(name);
    this.#withdrawn.delete(name);
  }

  /** The last good version stays; without one nothing is permitted, since it may have been a deny policy. */
  refuse(name: string): void {
    if (!this.#held.has(name)) this.#unreadable.add(name);
  }

  remove(name: string): void {
    this.#held.delete(name);
    this.#unreadable.delete(name);
    if (this.#own?.authorizationPolicies.includes(name) === true) this.#withdrawn.add(name);
  }

  /** All policies have been told once on this stream or an earlier one. */
  told(): void {
    this.#told = true;
  }

  /** The pod itself, whose resource names the policies that select it; once known it is never unknown again. */
  setOwn(own: Workload): void {
    this.#own = own;
    for (const name of this.#withdrawn) {
      if (!own.authorizationPolicies.includes(name)) this.#withdrawn.delete(name);
    }
  }

  /** Publishes what holds now, if it is not what held before: every change makes live connections ask again. */
  publish(): void {
    const own = this.#own;
    if (!this.#told || own === undefined) return;
    const policies = Array.from(this.#held.values(), ({ policy }) => policy).filter((policy) => {
      if (policy.scope === "global") return true;
      if (policy.scope === "namespace") return policy.namespace === this.#namespace;
      return own.authorizationPolicies.includes(policyName(policy));
    });
    const named = own.authorizationPolicies.filter(
      (name) => !this.#held.has(name) && !this.#withdrawn.has(name),
    );
    const missing = Array.from(new Set([...named, ...this.#unreadable]));
    const before = this.#snapshot.current();
    const mesh = own.meshPolicy ?? openWorkloadPolicy;
    const same =
      sameItems(before.policies, policies) &&
      sameItems(before.missing, missing) &&
      isDeepStrictEqual(before.mesh, mesh);
    if (!before.loaded || !same) this.#snapshot.set({ loaded: true, policies, missing, mesh });
  }
}

function sameItems<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
