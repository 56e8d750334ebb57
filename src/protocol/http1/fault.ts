/** Why a message was refused: the status that a server answers with, and the words for logs and Proxy-Status. */

export interface Fault {
  readonly status: number;
  /** Noun phrase in printable ASCII without quotes or backslashes, so that it may stand in a quoted string. */
  readonly detail: string;
}

/** A reader's position that means "the bytes end before the message part does". */
export const needMore = -1;
/** A reader's position that means "refused"; the reader's `fault` says why. */
export const refused = -2;

export function badMessage(detail: string): Fault {
  return { status: 400, detail };
}
