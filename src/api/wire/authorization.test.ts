import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Action, AuthorizationSchema, Scope } from "../gen/authorization_pb.ts";
import { decodeAuthorization } from "./authorization.ts";
import { WireError } from "./reader.ts";

type Match = NonNullable<
  NonNullable<
    NonNullable<MessageInitShape<typeof AuthorizationSchema>["rules"]>[number]["clauses"]
  >[number]["matches"]
>[number];

const encode = (message: MessageInitShape<typeof AuthorizationSchema>): Uint8Array =>
  toBinary(AuthorizationSchema, create(AuthorizationSchema, message));
const withMatch = (match: Match): Uint8Array =>
  encode({ name: "p", rules: [{ clauses: [{ matches: [match] }] }] });

test("every field of a policy arrives", () => {
  const exact = (value: string) => ({ matchType: { case: "exact", value } }) as const;
  const account = { namespace: "n", serviceAccount: "s" };
  const address = { address: Uint8Array.of(10, 0, 0, 0), length: 8 };
  const decoded = decodeAuthorization(
    encode({
      name: "p",
      namespace: "n",
      scope: Scope.WORKLOAD_SELECTOR,
      action: Action.DENY,
      dryRun: true,
      rules: [
        {
          clauses: [
            { matches: [] },
            {
              matches: [
                {
                  namespaces: [exact("a")],
                  notNamespaces: [{ matchType: { case: "prefix", value: "b" } }],
                  principals: [{ matchType: { case: "suffix", value: "c" } }],
                  notPrincipals: [{ matchType: { case: "presence", value: {} } }],
                  sourceIps: [address],
                  notSourceIps: [address],
                  destinationIps: [address],
                  notDestinationIps: [address],
                  destinationPorts: [1, 2],
                  notDestinationPorts: [3],
                  serviceAccounts: [account],
                  notServiceAccounts: [account],
                },
              ],
            },
          ],
        },
      ],
    }),
  );
  assert.deepEqual(decoded, {
    name: "p",
    namespace: "n",
    scope: "workload",
    action: "deny",
    dryRun: true,
    rules: [
      {
        clauses: [
          { matches: [] },
          {
            matches: [
              {
                namespaces: [{ kind: "exact", text: "a" }],
                notNamespaces: [{ kind: "prefix", text: "b" }],
                principals: [{ kind: "suffix", text: "c" }],
                notPrincipals: [{ kind: "presence" }],
                sourceIps: [address],
                notSourceIps: [address],
                destinationIps: [address],
                notDestinationIps: [address],
                destinationPorts: [1, 2],
                notDestinationPorts: [3],
                serviceAccounts: [account],
                notServiceAccounts: [account],
              },
            ],
          },
        ],
      },
    ],
  });
});

const refused: Readonly<Record<string, Uint8Array>> = {
  "a policy without a name": encode({}),
  "an unknown scope": encode({ name: "p", scope: 9 as Scope }),
  "an unknown action": encode({ name: "p", action: 9 as Action }),
  "a string match of no kind": withMatch({ principals: [{}] }),
  "an address of three bytes": withMatch({ sourceIps: [{ address: Uint8Array.of(1, 2, 3) }] }),
  "a block longer than its address": withMatch({
    sourceIps: [{ address: Uint8Array.of(1, 2, 3, 4), length: 33 }],
  }),
  "a match with a foreign condition": withMatch({ extensions: [{ name: "x" }] }),
};
for (const [name, bytes] of Object.entries(refused)) {
  test(`${name} is refused`, () => assert.throws(() => decodeAuthorization(bytes), WireError));
}
