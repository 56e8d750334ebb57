import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicySnapshot } from "../../api/authorization.ts";
import { createWatch } from "../../core/watch.ts";
import { authorize, type ConnectionFacts, type Permit } from "./authorize.ts";
import { createLivePermits } from "./live-permits.ts";

const open: PolicySnapshot = { loaded: true, policies: [], missing: [] };
/** Allows nothing. */
const shut: PolicySnapshot = {
  loaded: true,
  missing: [],
  policies: [
    {
      namespace: "shop",
      name: "none",
      scope: "namespace",
      action: "allow",
      rules: [],
      dryRun: false,
    },
  ],
};

function permit(port: number): Permit {
  const facts: ConnectionFacts = {
    peer: undefined,
    clientIp: "10.0.0.1",
    destinationIp: "10.0.0.2",
    port,
  };
  const decision = authorize(open, facts);
  assert.ok(decision.kind === "permit");
  return decision.permit;
}

test("a permit that no longer holds is withdrawn once, with the reason", () => {
  const policies = createWatch(open);
  const live = createLivePermits(policies);
  const reasons: string[] = [];
  live.hold(permit(80), (denial) => reasons.push(denial.reason));
  live.hold(permit(81), (denial) => reasons.push(denial.reason));
  policies.set({ ...open });
  assert.deepEqual(reasons, []);
  policies.set(shut);
  policies.set({ ...shut });
  assert.deepEqual(reasons, ["no allow policy matched", "no allow policy matched"]);
  assert.equal(live.size, 0);
});

test("a connection that has ended hears nothing more", () => {
  const policies = createWatch(open);
  const live = createLivePermits(policies);
  let heard = 0;
  const release = live.hold(permit(80), () => (heard += 1));
  release();
  policies.set(shut);
  assert.equal(heard, 0);
});

test("a closed set no longer listens", () => {
  const policies = createWatch(open);
  const live = createLivePermits(policies);
  let heard = 0;
  live.hold(permit(80), () => (heard += 1));
  live.close();
  policies.set(shut);
  assert.equal(heard, 0);
});
