/** Why a container cannot start now: it waits, and tries again when an object of the mesh changes. */

/** The message is a sentence for a person, such as `ConfigMap shop/settings does not exist`. */
export class NotYet extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotYet";
  }
}
