/** How a program ends at once, and for certain. */
import { openCollector } from "./collector.ts";

/**
 * `process.exit` waits for what V8 compiles on other threads, and those may wait for a collection that only this thread
 * can make: the process then stays until it is killed (nodejs/node#54918). A collection before leaves them nothing to
 * wait for.
 */
export async function endProcess(
  host: { exit(code: number): unknown },
  code: number,
): Promise<void> {
  const collect = await openCollector();
  collect();
  host.exit(code);
}
