import assert from "node:assert/strict";
import { test } from "node:test";
import { buildRuleset, standardPorts } from "./ruleset.ts";

const config = {
  ...standardPorts,
  proxyUid: 15008,
  skipInboundPorts: [{ from: 22, to: 22 }],
  skipOutboundPorts: [{ from: 5000, to: 5010 }],
};

test("the table is replaced as a whole, whatever was in it", () => {
  const kinds = buildRuleset(config).map((change) => change.kind);
  assert.deepEqual(kinds.slice(0, 4), ["add-table", "delete-table", "add-table", "add-chain"]);
});

test("the last rule of each chain redirects, all others exempt", () => {
  for (const chain of ["output", "prerouting"]) {
    const endings = buildRuleset(config).flatMap((change) =>
      change.kind === "add-rule" && change.chain === chain ? [change.expressions.at(-1)?.kind] : [],
    );
    assert.equal(endings.at(-1), "redirect");
    assert.ok(endings.length > 1);
    assert.ok(endings.slice(0, -1).every((kind) => kind === "return"));
  }
});

test("a port is only looked at in a TCP segment", () => {
  for (const change of buildRuleset(config)) {
    if (change.kind !== "add-rule") continue;
    const port = change.expressions.findIndex((expression) => expression.kind === "transport");
    if (port === -1) continue;
    assert.deepEqual(change.expressions.slice(0, port), [
      { kind: "meta", key: "l4proto" },
      { kind: "equal", value: Uint8Array.of(6) },
    ]);
  }
});
