/** The promise of every engine to its owners, checked on what one of them heard. */
import type { Recorder } from "./conversation.ts";

/** What every owner relies on: one end, and nothing behind it but a reset that stops the other direction. */
export function checkRecord(recorder: Recorder<unknown>): void {
  const { events } = recorder;
  const end = events.findIndex((event) => event === "trailers" || event.endsWith("end"));
  const after = end < 0 ? [] : events.slice(end + 1);
  if (after.some((event) => event !== "reset"))
    throw new Error(`events after the end: ${events.join()}`);
  if (events.filter((event) => event === "reset").length > 1) throw new Error("two resets");
  const resetAt = events.indexOf("reset");
  if (resetAt >= 0 && resetAt !== events.length - 1)
    throw new Error(`after reset: ${events.join()}`);
}
