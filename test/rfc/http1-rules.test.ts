/** Every MUST of RFC 9110 and 9112 that binds a proxy, through a pair of sidecars. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { allRules } from "./all-rules.ts";
import { type Heard, type Pair, startPair } from "./conversation.ts";
import type { Rule } from "./rule.ts";

let pair: Pair;
before(async () => {
  pair = await startPair("127.0.1.20", "127.0.1.21");
});
after(() => pair[Symbol.asyncDispose]());

for (const rule of allRules) {
  const name = rule.deviation === undefined ? rule.rule : `not kept, on purpose: ${rule.rule}`;
  test(`RFC ${rule.section}: ${name}`, async () => {
    compare(rule, await pair.converse(rule.script));
  });
}

function compare(rule: Rule, heard: Heard): void {
  const { app, notApp, client, notClient, appConnections } = rule;
  const checks = [app, notApp, client, notClient, appConnections];
  assert.ok(
    checks.some((check) => check !== undefined),
    "a rule that checks nothing",
  );
  if (app === "nothing") assert.equal(heard.app, "");
  else if (app !== undefined) assert.match(heard.app, app);
  if (notApp !== undefined) assert.doesNotMatch(heard.app, notApp);
  if (client !== undefined) assert.match(heard.client, client);
  if (notClient !== undefined) assert.doesNotMatch(heard.client, notClient);
  if (appConnections !== undefined) assert.equal(heard.appConnections, appConnections);
}
