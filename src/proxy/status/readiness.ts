/** Readiness as a list of named tasks: a pod that is not ready says what it waits for. */

export interface Readiness {
  /** Names a task that must be done before the sidecar is ready; the result marks it as done. */
  require(task: string): () => void;
  /** The sidecar is leaving: not ready again, for this reason. */
  withdraw(reason: string): void;
  waitingFor(): string[];
  /** Called once, when the last task is done. */
  onReady(listener: () => void): void;
}

export function createReadiness(): Readiness {
  const open = new Set<string>();
  const listeners: (() => void)[] = [];
  let leaving: string | undefined;
  return {
    require(task) {
      open.add(task);
      return () => {
        if (!open.delete(task) || open.size > 0) return;
        for (const listener of listeners.splice(0)) listener();
      };
    },
    withdraw(reason) {
      leaving = reason;
    },
    waitingFor: () => (leaving === undefined ? [...open] : [leaving]),
    onReady(listener) {
      if (open.size === 0) listener();
      else listeners.push(listener);
    },
  };
}
