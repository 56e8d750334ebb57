/** Which parts of the sources an input reaches, by V8's own block coverage. */
import { type Profiler, Session } from "node:inspector";

export interface Coverage {
  /** Runs the work and gives how many blocks of src/ it reached that nothing before had reached. */
  measure(work: () => void): number;
  close(): void;
}

export function openCoverage(): Coverage {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const reached = new Set<string>();
  return {
    measure(work) {
      take(session);
      work();
      let fresh = 0;
      for (const block of take(session)) {
        if (reached.has(block)) continue;
        reached.add(block);
        fresh += 1;
      }
      return fresh;
    },
    close: () => session.disconnect(),
  };
}

/** The blocks that ran since the last call. A session on its own thread answers at once. */
function take(session: Session): string[] {
  let scripts: Profiler.ScriptCoverage[] = [];
  session.post("Profiler.takePreciseCoverage", (error, { result }) => {
    if (error === null) scripts = result;
  });
  return scripts
    .filter(({ url }) => url.includes("/src/"))
    .flatMap(({ url, functions }) =>
      functions.flatMap(({ ranges }) =>
        ranges
          .filter(({ count }) => count > 0)
          .map(({ startOffset, endOffset }) => `${url}:${startOffset}-${endOffset}`),
      ),
    );
}
