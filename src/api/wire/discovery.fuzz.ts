/** What the control plane sends: whatever the bytes, a value or a WireError; and what protobuf-es writes is read alike. */
import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { FuzzTarget } from "../../protocol/fuzz-target.ts";
import { AuthorizationSchema } from "../gen/authorization_pb.ts";
import { DeltaDiscoveryResponseSchema } from "../gen/discovery_pb.ts";
import { RequestRulesSchema, WorkloadPolicySchema } from "../gen/remora-policy_pb.ts";
import { AddressSchema, PortSchema, ServiceSchema, WorkloadSchema } from "../gen/workload_pb.ts";
import { decodeAuthorization } from "./authorization.ts";
import { decodeDeltaResponse } from "./discovery.ts";
import { WireError } from "./reader.ts";
import { decodeRequestRules } from "./request-rules.ts";
import { decodeAddress } from "./workload.ts";
import { decodeWorkloadPolicy } from "./workload-policy.ts";

const exact = { matchType: { case: "exact", value: "td/ns/a/sa/b" } } as const;
const ports = [create(PortSchema, { servicePort: 80, targetPort: 8080, appProtocol: 1 })];
const policy = toBinary(
  AuthorizationSchema,
  create(AuthorizationSchema, {
    name: "p",
    namespace: "n",
    rules: [
      {
        clauses: [
          {
            matches: [
              {
                principals: [exact],
                destinationPorts: [1, 70_000],
                sourceIps: [{ address: Uint8Array.of(10, 0, 0, 0), length: 8 }],
                serviceAccounts: [{ namespace: "n", serviceAccount: "s" }],
              },
            ],
          },
        ],
      },
    ],
  }),
);
const requestRules = toBinary(
  RequestRulesSchema,
  create(RequestRulesSchema, {
    rules: [
      {
        connection: { clauses: [{ matches: [{ destinationPorts: [80] }] }] },
        request: {
          hosts: [exact],
          methods: ["GET"],
          notPaths: [{ matchType: { case: "prefix", value: "/a" } }],
          headers: [{ name: "x", presence: 1, values: [exact], notValues: [exact] }],
        },
      },
    ],
  }),
);
const workloadPolicy = toBinary(
  WorkloadPolicySchema,
  create(WorkloadPolicySchema, {
    all: { mtls: 1, mtlsPolicy: "n/p" },
    ports: [{ port: 80, defaultAction: 1, defaultPolicy: "n/q" }],
  }),
);
const workload = toBinary(
  AddressSchema,
  create(AddressSchema, {
    type: {
      case: "workload",
      value: create(WorkloadSchema, {
        uid: "u",
        addresses: [Uint8Array.of(10, 0, 0, 1)],
        services: { "n/h": { ports } },
        extensions: [{ name: "remora.dev/proxy" }],
      }),
    },
  }),
);
const service = toBinary(
  AddressSchema,
  create(AddressSchema, {
    type: {
      case: "service",
      value: create(ServiceSchema, {
        hostname: "h",
        addresses: [{ address: new Uint8Array(16) }],
        ports,
      }),
    },
  }),
);
const response = toBinary(
  DeltaDiscoveryResponseSchema,
  create(DeltaDiscoveryResponseSchema, {
    typeUrl: "t",
    nonce: "1",
    resources: [{ name: "r", version: "v", resource: { typeUrl: "t", value: workload } }],
    removedResources: ["x"],
  }),
);

export const target: FuzzTarget = {
  name: "discovery-wire",
  seeds: [policy, requestRules, workloadPolicy, workload, service, response].map((bytes) =>
    Buffer.from(bytes),
  ),
  run(input) {
    attempt(() => decodeAddress(input));
    attempt(() => decodeAuthorization(input));
    attempt(() => decodeRequestRules(input));
    attempt(() => decodeWorkloadPolicy(input));
    attempt(() => decodeDeltaResponse(input));
    const theirs = attemptAny(() => fromBinary(DeltaDiscoveryResponseSchema, input));
    if (theirs === undefined) return;
    // Not compared on the input itself: protobuf-es does not look at the wire types of known fields.
    const bytes = toBinary(DeltaDiscoveryResponseSchema, theirs, { writeUnknownFields: false });
    const ours = decodeDeltaResponse(bytes);
    assert.deepEqual(
      [ours.typeUrl, ours.nonce, ours.removed, ours.resources.map(({ name }) => name)],
      [
        theirs.typeUrl,
        theirs.nonce,
        theirs.removedResources,
        theirs.resources.map(({ name }) => name),
      ],
    );
  },
};

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function attemptAny<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
