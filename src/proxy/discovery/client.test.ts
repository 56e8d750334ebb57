import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { pino } from "pino";
import { createFakeClock, type FakeClock } from "../../../test/support/fake-clock.ts";
import { addressType, authorizationType } from "../../api/discovery.ts";
import { AuthorizationSchema, Scope } from "../../api/gen/authorization_pb.ts";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "../../api/gen/discovery_pb.ts";
import { AddressSchema } from "../../api/gen/workload_pb.ts";
import { seconds } from "../../core/duration.ts";
import { type GrpcClient, GrpcError, type GrpcStreamEvents } from "../../protocol/grpc/client.ts";
import { createDiscoveryClient, type DiscoveryClient } from "./client.ts";

interface Resource {
  readonly name: string;
  readonly version?: string;
  readonly value: Uint8Array;
}

/** The control plane's side of the conversation, without a connection. */
interface FakeControl {
  readonly client: DiscoveryClient;
  readonly clock: FakeClock;
  /** Requests since the last call, oldest first. */
  requests(): DeltaDiscoveryRequest[];
  answer(typeUrl: string, resources: readonly Resource[], removed?: readonly string[]): void;
  send(bytes: Uint8Array): void;
  endStream(): void;
  readonly streams: number;
  readonly disconnects: number;
}

function startClient(after?: Promise<void>): FakeControl {
  const clock = createFakeClock();
  const requests: DeltaDiscoveryRequest[] = [];
  const state = { streams: 0, disconnects: 0, nonce: 0 };
  let events: GrpcStreamEvents | undefined;
  const grpc: GrpcClient = {
    unary: () => Promise.reject(new Error("no unary calls here")),
    stream(_options, streamEvents) {
      state.streams += 1;
      events = streamEvents;
      return {
        send(bytes) {
          requests.push(fromBinary(DeltaDiscoveryRequestSchema, bytes));
          return true;
        },
        finish() {},
        cancel() {},
      };
    },
    disconnect: () => void (state.disconnects += 1),
    close() {},
  };
  const client = createDiscoveryClient({
    grpc,
    clock,
    log: pino({ level: "silent" }),
    pod: { name: "a", namespace: "shop", uid: "uid-a", ip: "10.0.0.1", node: "n" },
    random: () => 0,
    ...(after === undefined ? {} : { after }),
  });
  const send = (bytes: Uint8Array): void => events?.onMessage(bytes);
  return {
    client,
    clock,
    requests: () => requests.splice(0),
    send,
    answer(typeUrl, resources, removed = []) {
      const response = create(DeltaDiscoveryResponseSchema, {
        typeUrl,
        nonce: String(++state.nonce),
        resources: resources.map(({ name, version = "1", value }) => ({
          name,
          version,
          resource: { typeUrl, value },
        })),
        removedResources: [...removed],
      });
      send(toBinary(DeltaDiscoveryResponseSchema, response));
    },
    endStream: () => events?.onEnd(new GrpcError(14, "gone")),
    get streams() {
      return state.streams;
    },
    get disconnects() {
      return state.disconnects;
    },
  };
}

function pod(name: string, policies: readonly string[] = []): Uint8Array {
  const workload = {
    uid: `uid-${name}`,
    name,
    namespace: "shop",
    addresses: [Uint8Array.of(10, 0, 0, 1)],
    authorizationPolicies: [...policies],
  };
  return toBinary(
    AddressSchema,
    create(AddressSchema, { type: { case: "workload", value: workload } }),
  );
}

function policy(message: MessageInitShape<typeof AuthorizationSchema>): Uint8Array {
  return toBinary(AuthorizationSchema, create(AuthorizationSchema, message));
}

const namespacePolicy = policy({ name: "p", namespace: "shop", scope: Scope.NAMESPACE });

test("the first stream is opened as soon as there is a certificate, and not before", async () => {
  const certificate = Promise.withResolvers<void>();
  const control = startClient(certificate.promise);
  assert.equal(control.streams, 0);
  certificate.resolve();
  await certificate.promise;
  assert.equal(control.streams, 1);
  assert.ok(control.requests().length > 0);
});

test("the first stream asks for all policies and for the pod itself, and says who asks", () => {
  const control = startClient();
  const [policies, addresses] = control.requests();
  assert.equal(policies?.typeUrl, authorizationType);
  assert.deepEqual(policies.resourceNamesSubscribe, ["*"]);
  assert.equal(policies.node?.metadata?.["NAME"], "a");
  assert.equal(policies.node.metadata["NAMESPACE"], "shop");
  assert.deepEqual(addresses?.resourceNamesSubscribe, ["*", "/10.0.0.1"]);
  assert.deepEqual(addresses.resourceNamesUnsubscribe, ["*"]);
});

test("policies are loaded once they and the pod itself were told", async () => {
  const control = startClient();
  control.answer(authorizationType, [{ name: "shop/p", value: namespacePolicy }]);
  assert.equal(control.client.policies.current().loaded, false);
  control.answer(addressType, [{ name: "/10.0.0.1", value: pod("a") }]);
  await control.client.loaded;
  assert.deepEqual(
    control.client.policies.current().policies.map(({ name }) => name),
    ["p"],
  );
});

test("an unknown address is asked for once, and its answer is known from then on", async () => {
  const control = startClient();
  control.requests();
  assert.equal(control.client.lookup("10.0.0.9", 80), undefined);
  const first = control.client.resolve("10.0.0.9", 80);
  const second = control.client.resolve("10.0.0.9", 81);
  const asked = control.requests();
  assert.deepEqual(
    asked.map(({ resourceNamesSubscribe }) => resourceNamesSubscribe),
    [["/10.0.0.9"]],
  );
  control.answer(addressType, [{ name: "/10.0.0.9", value: pod("x") }]);
  assert.equal((await first).kind, "workload");
  assert.equal((await second).kind, "workload");
  assert.equal(control.client.lookup("10.0.0.9", 80)?.kind, "workload");
});

test("an address outside the mesh is answered as unknown, and a pod that comes there later is known", async () => {
  const control = startClient();
  const resolved = control.client.resolve("1.1.1.1", 443);
  control.answer(addressType, [], ["/1.1.1.1"]);
  assert.deepEqual(await resolved, { kind: "unknown" });
  assert.deepEqual(control.client.lookup("1.1.1.1", 443), { kind: "unknown" });
  control.answer(addressType, [{ name: "/1.1.1.1", value: pod("x") }]);
  assert.equal(control.client.lookup("1.1.1.1", 443)?.kind, "workload");
});

test("without an answer the address is unknown after two seconds, and known when the answer comes", async () => {
  const control = startClient();
  const resolved = control.client.resolve("10.0.0.9", 80);
  control.clock.advance(seconds(2));
  assert.deepEqual(await resolved, { kind: "unknown" });
  assert.equal(control.client.lookup("10.0.0.9", 80), undefined);
  control.answer(addressType, [{ name: "/10.0.0.9", value: pod("x") }]);
  assert.equal(control.client.lookup("10.0.0.9", 80)?.kind, "workload");
});

test("a response is acknowledged by its nonce; a bad resource in it is refused and the good ones hold", async () => {
  const control = startClient();
  control.requests();
  control.answer(addressType, [{ name: "/10.0.0.1", value: pod("a") }]);
  const [ack] = control.requests();
  assert.deepEqual([ack?.responseNonce, ack?.errorDetail], ["1", undefined]);
  const resolving = control.client.resolve("10.0.0.9", 80);
  control.requests();
  control.answer(addressType, [
    { name: "/10.0.0.1", version: "2", value: Uint8Array.of(0xff) },
    { name: "/10.0.0.9", value: pod("x") },
  ]);
  const [nack] = control.requests();
  assert.equal(nack?.responseNonce, "2");
  assert.match(nack.errorDetail?.message ?? "", /^\/10\.0\.0\.1: message ends/);
  assert.equal((await resolving).kind, "workload");
  assert.equal(control.client.lookup("10.0.0.1", 80)?.kind, "workload");
  control.endStream();
  control.clock.advance(seconds(5));
  const [, addresses] = control.requests();
  assert.equal(addresses?.initialResourceVersions["/10.0.0.1"], "1");
});

test("after the stream has ended the books stay, and the next stream says what is held", async () => {
  const control = startClient();
  control.answer(authorizationType, [{ name: "shop/p", value: namespacePolicy }]);
  control.answer(addressType, [{ name: "/10.0.0.1", value: pod("a") }]);
  const resolved = control.client.resolve("1.1.1.1", 443);
  control.answer(addressType, [], ["/1.1.1.1"]);
  await resolved;
  control.requests();
  control.endStream();
  assert.equal(control.client.lookup("10.0.0.1", 80)?.kind, "workload");
  assert.equal(control.client.policies.current().loaded, true);
  control.clock.advance(seconds(5));
  assert.deepEqual([control.streams, control.disconnects], [2, 1]);
  const [policies, addresses] = control.requests();
  assert.deepEqual(policies?.initialResourceVersions, { "shop/p": "1" });
  assert.deepEqual(addresses?.resourceNamesSubscribe, ["*", "/10.0.0.1", "/1.1.1.1"]);
  assert.deepEqual(addresses.initialResourceVersions, { "/10.0.0.1": "1" });
});

test("a policy that cannot be read denies until it is mended", () => {
  const control = startClient();
  const foreign = policy({
    name: "p",
    namespace: "shop",
    scope: Scope.NAMESPACE,
    rules: [{ clauses: [{ matches: [{ extensions: [{ name: "geo" }] }] }] }],
  });
  control.answer(authorizationType, [{ name: "shop/p", value: foreign }]);
  control.answer(addressType, [{ name: "/10.0.0.1", value: pod("a") }]);
  assert.deepEqual(control.client.policies.current().missing, ["shop/p"]);
  control.answer(authorizationType, [{ name: "shop/p", version: "2", value: namespacePolicy }]);
  assert.deepEqual(control.client.policies.current().missing, []);
});

test("of too many addresses the oldest that is not used is given up, never the pod's own", async () => {
  const control = startClient();
  control.answer(addressType, [{ name: "/10.0.0.1", value: pod("a") }]);
  const ip = (index: number): string => `10.1.${index >> 8}.${index & 255}`;
  for (let index = 0; index < 4_095; index += 1) {
    const resolved = control.client.resolve(ip(index), 80);
    control.answer(addressType, [], [`/${ip(index)}`]);
    await resolved;
  }
  // Resolving looked each one up; the first round of eviction takes that mark away.
  const evicted = (index: number): string[] => {
    control.requests();
    void control.client.resolve(ip(index), 80);
    return control.requests().flatMap((request) => request.resourceNamesUnsubscribe);
  };
  assert.deepEqual(evicted(5_000), [`/${ip(0)}`]);
  control.client.lookup(ip(1), 80);
  assert.deepEqual(evicted(5_001), [`/${ip(2)}`]);
  assert.equal(control.client.lookup("10.0.0.1", 80)?.kind, "workload");
  // What was on its way for an address that was given up is not kept.
  control.answer(addressType, [{ name: `/${ip(0)}`, value: pod("late") }]);
  assert.equal(control.client.lookup(ip(0), 80), undefined);
});
