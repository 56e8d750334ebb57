/** Something that a person can put right: what is wrong, and what to do about it. */

export class UserError extends Error {
  readonly hint: string | undefined;

  /** Both are one sentence or several lines of them; never a stack trace. */
  constructor(message: string, hint?: string) {
    super(message);
    this.name = "UserError";
    this.hint = hint;
  }
}
