/** Whether this process may make pods, and how. */

export type Privileges =
  /** Everything that `launch` and `createMeshNetwork` need is there. */
  | { readonly kind: "sufficient" }
  /** Not root, but `reexecInUserNamespace` will work. */
  | { readonly kind: "user-namespace" }
  /** One sentence that says what to install, switch on or run. */
  | { readonly kind: "insufficient"; readonly reason: string };

/** Looks without changing anything. */
export function detectPrivileges(): Privileges {
  return { kind: "insufficient", reason: "not built" };
}
