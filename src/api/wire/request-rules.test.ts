import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AuthorizationSchema } from "../gen/authorization_pb.ts";
import { type RequestRuleSchema, RequestRulesSchema } from "../gen/remora-policy_pb.ts";
import { decodeAuthorization } from "./authorization.ts";
import { WireError } from "./reader.ts";
import { decodeRequestRules } from "./request-rules.ts";

/** One field of one embedded message after another, the innermost bytes last. */
const nest = (fields: readonly number[], bytes: readonly number[]): Uint8Array => {
  let out = [...bytes];
  for (const field of fields.toReversed()) out = [field * 8 + 2, out.length, ...out];
  return Uint8Array.from(out);
};

const unreadable: Readonly<Record<string, Uint8Array>> = {
  "a field of the rules that is not known": nest([2], []),
  "a field of a rule that is not known": nest([1, 3], []),
  "a condition on requests that is not known": nest([1, 2, 8], []),
  "a condition on a header that is not known": nest([1, 2, 7, 5], []),
  "a match of requests without a condition": nest([1, 2], []),
  "a header without a name": nest([1, 2, 7], [0x10, 1]),
  "a header presence that is not known": nest([1, 2, 7], [0x0a, 1, 0x61, 0x10, 3]),
  "a path of no kind": nest([1, 2, 5], []),
};
for (const [what, bytes] of Object.entries(unreadable)) {
  test(`${what} is refused`, () => {
    assert.throws(() => decodeRequestRules(bytes), WireError);
  });
}

test("an extension of ours that is not known makes the policy unreadable, a foreign one does not", () => {
  const withExtension = (name: string): Uint8Array =>
    toBinary(
      AuthorizationSchema,
      create(AuthorizationSchema, { name: "p", extensions: [{ name }] }),
    );
  assert.throws(() => decodeAuthorization(withExtension("policy.remora.dev/later")), WireError);
  assert.equal(decodeAuthorization(withExtension("istio.io/other")).name, "p");
});

test("rules that say the same of clients or of requests share it, and others do not", () => {
  const rule = (account: string, path: string): MessageInitShape<typeof RequestRuleSchema> => ({
    connection: {
      clauses: [{ matches: [{ serviceAccounts: [{ namespace: "n", serviceAccount: account }] }] }],
    },
    request: { paths: [{ matchType: { case: "exact", value: path } }] },
  });
  const rules = decodeRequestRules(
    toBinary(
      RequestRulesSchema,
      create(RequestRulesSchema, {
        rules: [rule("a", "/x"), rule("b", "/x"), rule("b", "/y"), rule("a", "/x")],
      }),
    ),
  );
  const accounts = rules.map((each) => each.clauses[0]?.matches[0]?.serviceAccounts[0]);
  assert.deepEqual(
    accounts.map((account) => account?.serviceAccount),
    ["a", "b", "b", "a"],
  );
  assert.deepEqual(
    rules.map(({ request }) => request?.paths),
    ["/x", "/x", "/y", "/x"].map((text) => [{ kind: "exact", text }]),
  );
  assert.equal(rules[0]?.request, rules[1]?.request);
  assert.equal(rules[1]?.clauses, rules[2]?.clauses);
});
