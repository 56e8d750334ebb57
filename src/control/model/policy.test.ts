import assert from "node:assert/strict";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import type { Authorization } from "../../api/authorization.ts";
import {
  AuthorizationSchema,
  type Authorization as Message,
} from "../../api/gen/authorization_pb.ts";
import type { AuthorizationPolicy, AuthorizationRule } from "../../api/policy-kinds.ts";
import { decodeAuthorization } from "../../api/wire/authorization.ts";
import { encodePolicy } from "./policy.ts";

const policy = (
  action: "Allow" | "Deny",
  ...rules: readonly AuthorizationRule[]
): AuthorizationPolicy => ({
  apiVersion: "policy.remora.dev/v1alpha1",
  kind: "AuthorizationPolicy",
  metadata: { name: "p", namespace: "shop" },
  spec: { action, rules },
});
const encode = (given: AuthorizationPolicy): Message => encodePolicy(given, "remora-system");
const read = (message: Message): Authorization =>
  decodeAuthorization(toBinary(AuthorizationSchema, message));

const byPath: AuthorizationRule = {
  from: { namespaces: ["a"] },
  to: { ports: [80], paths: ["/x"] },
};
const byPort: AuthorizationRule = { to: { ports: [81] } };

test("a proxy that knows connections only is told nothing of an allow rule about requests", () => {
  const message = encode(policy("Allow", byPath, byPort));
  assert.equal(message.rules.length, 1);
  assert.deepEqual(message.rules[0]?.clauses[0]?.matches[0]?.destinationPorts, [81]);
});

test("a proxy that knows connections only denies all clients and ports of a deny rule about requests", () => {
  const message = encode(policy("Deny", byPath, { to: { hosts: ["x"] } }));
  assert.equal(message.rules.length, 2);
  assert.deepEqual(message.rules[0]?.clauses[0]?.matches[0]?.destinationPorts, [80]);
  // No match in a clause: it always matches.
  assert.deepEqual(
    message.rules[1]?.clauses.map(({ matches }) => matches.length),
    [0],
  );
});

test("a policy without conditions on requests is told in Istio's words alone", () => {
  assert.deepEqual(encode(policy("Allow", byPort)).extensions, []);
});

test("a sidecar reads every rule with its conditions on requests", () => {
  const headers = [
    { name: "X-Tenant", values: ["a*"], notValues: ["*b", "*"] },
    { name: "x-debug", present: false },
    { name: "x-user", present: true },
  ];
  const to = {
    hosts: ["Shop.Example.COM.", "*.example.com"],
    notHosts: ["x"],
    methods: ["GET"],
    notMethods: ["PUT"],
    paths: ["/a/*"],
    notPaths: ["/a/b"],
    headers,
  };
  const [first, second] = read(encode(policy("Allow", byPort, { to }))).rules;
  assert.deepEqual(first?.clauses[0]?.matches[0]?.destinationPorts, [81]);
  assert.equal(first?.request, undefined);
  assert.deepEqual(second, {
    clauses: [{ matches: [] }],
    request: {
      hosts: [
        { kind: "exact", text: "shop.example.com" },
        { kind: "suffix", text: ".example.com" },
      ],
      notHosts: [{ kind: "exact", text: "x" }],
      methods: ["GET"],
      notMethods: ["PUT"],
      paths: [{ kind: "prefix", text: "/a/" }],
      notPaths: [{ kind: "exact", text: "/a/b" }],
      headers: [
        {
          name: "x-tenant",
          presence: "any",
          values: [{ kind: "prefix", text: "a" }],
          notValues: [{ kind: "suffix", text: "b" }, { kind: "presence" }],
        },
        { name: "x-debug", presence: "absent", values: [], notValues: [] },
        { name: "x-user", presence: "present", values: [], notValues: [] },
      ],
    },
  });
});
