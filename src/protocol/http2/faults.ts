/** Byte gear. How the parts of a connection say that the peer has broken all of it. */
import type { Http2Limits } from "./limits.ts";

export interface Faults {
  /** The peer broke a rule that holds for the connection, or crossed the limit that is named. */
  onBroken(code: number, detail: string, limit?: keyof Http2Limits): void;
  /** The peer has used up a budget. */
  flood(limit: keyof Http2Limits): void;
}
