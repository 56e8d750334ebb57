/** Permits of connections that are open: asked again when the policies change, and withdrawn when they no longer hold. */
import type { PolicySnapshot } from "../../api/authorization.ts";
import type { Watch } from "../../core/watch.ts";
import { authorize, type Decision, type Permit } from "./authorize.ts";

export type Denial = Extract<Decision, { kind: "denied" }>;

export interface LivePermits {
  /** `onWithdrawn` is called at most once. The result ends the holding and is called when the connection ends. */
  hold(permit: Permit, onWithdrawn: (denial: Denial) => void): () => void;
  readonly size: number;
  close(): void;
}

interface Holding {
  readonly permit: Permit;
  readonly onWithdrawn: (denial: Denial) => void;
}

/** One for a workload. A change costs one decision per distinct client and port, however many connections it has. */
export function createLivePermits(policies: Watch<PolicySnapshot>): LivePermits {
  const holdings = new Set<Holding>();
  const recheck = (snapshot: PolicySnapshot): void => {
    const decisions = new Map<string, Decision>();
    for (const holding of Array.from(holdings)) {
      const { peer = "", clientIp, destinationIp, port } = holding.permit.facts;
      const key = `${peer} ${clientIp} ${destinationIp} ${port}`;
      const decision = decisions.get(key) ?? authorize(snapshot, holding.permit.facts);
      decisions.set(key, decision);
      if (decision.kind === "denied" && holdings.delete(holding)) holding.onWithdrawn(decision);
    }
  };
  const stop = policies.subscribe(recheck);
  return {
    hold(permit, onWithdrawn) {
      const holding = { permit, onWithdrawn };
      holdings.add(holding);
      return () => void holdings.delete(holding);
    },
    get size() {
      return holdings.size;
    },
    close() {
      stop();
      holdings.clear();
    },
  };
}
