/** One proxy's stream: takes its requests, and sends it what changed as fast as it reads and no faster. */
import { create } from "@bufbuild/protobuf";
import { addressType, authorizationType } from "../../api/discovery.ts";
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Node,
} from "../../api/gen/discovery_pb.ts";
import type { Log } from "../../core/log.ts";
import type { SpiffeId } from "../../core/spiffe-id.ts";
import type { Watch } from "../../core/watch.ts";
import type { ControlMetrics } from "../metrics.ts";
import type { MeshSnapshot, MeshWorkload } from "../model/snapshot.ts";
import { addressLookup, authorizationLookup } from "./lookup.ts";
import { type Lookup, Subscription } from "./subscription.ts";

export interface SessionOptions {
  readonly peer: SpiffeId;
  readonly snapshots: Watch<MeshSnapshot>;
  /** Resolves when the transport has room again; rejects when the stream is over. */
  readonly send: (response: DeltaDiscoveryResponse) => Promise<void>;
  readonly metrics: ControlMetrics;
  readonly log: Log;
}

export interface Session {
  /** Throws a LimitError when the proxy asks for more than a proxy may. */
  receive(request: DeltaDiscoveryRequest): void;
  close(): void;
}

/** Well below the 4 MB that gRPC clients take by default. */
const maxResponseBytes = 1024 * 1024;

/** Policies go out before addresses: a workload must not be known to be selected by a policy that is not. */
const types = [authorizationType, addressType] as const;
type Type = (typeof types)[number];

export function createSession(options: SessionOptions): Session {
  const { peer, snapshots, send, metrics, log } = options;
  const subscriptions = new Map<Type, Subscription>();
  const unknownTypes: string[] = [];
  let node: Node | undefined;
  let nonce = 0;
  let sending = false;
  const life = { closed: false };
  /** Types whose difference has not been looked at since something changed. */
  const dirty = new Set<Type>();

  const lookup = (type: Type): Lookup => {
    const snapshot = snapshots.current();
    if (type === addressType) return addressLookup(snapshot);
    return authorizationLookup(snapshot, findWorkload(snapshot, node, peer));
  };
  const touch = (type: Type, changed: ReadonlySet<string> | undefined): void => {
    if (subscriptions.get(type)?.touch(changed) === true) dirty.add(type);
  };
  const nextResponse = (): DeltaDiscoveryResponse | undefined => {
    const unknown = unknownTypes.shift();
    // A type that we do not serve has no resources; silence would keep its client waiting.
    if (unknown !== undefined) return createResponse(unknown, ++nonce, [], []);
    for (const type of types) {
      const update = dirty.has(type)
        ? subscriptions.get(type)?.next(lookup(type), maxResponseBytes)
        : undefined;
      if (update === undefined) {
        dirty.delete(type);
        continue;
      }
      metrics.responses.series(shortType(type)).value += 1;
      metrics.resources.series(shortType(type)).value += update.resources.length;
      return createResponse(type, ++nonce, update.resources, update.removed);
    }
    return undefined;
  };
  const pump = async (): Promise<void> => {
    if (sending) return;
    sending = true;
    try {
      while (!life.closed) {
        const response = nextResponse();
        if (response === undefined) break;
        await send(response);
      }
    } catch (error) {
      log.debug({ err: error }, "stream ended while sending");
    } finally {
      sending = false;
    }
  };
  let own: MeshWorkload | undefined;
  const stop = snapshots.subscribe((snapshot) => {
    touch(addressType, snapshot.changed);
    // Of the policies a proxy is told those of its own pod.
    const before = own;
    own = findWorkload(snapshot, node, peer);
    if (snapshot.policiesChanged || own !== before) touch(authorizationType, undefined);
    if (dirty.size > 0) void pump();
  });

  return {
    receive(request) {
      node ??= request.node;
      metrics.requests.series(shortType(request.typeUrl)).value += 1;
      reportNack(request, metrics, log);
      const type = types.find((known) => known === request.typeUrl);
      if (type === undefined) {
        if (request.responseNonce === "" && unknownTypes.length < maxUnknownTypes) {
          unknownTypes.push(request.typeUrl);
        }
      } else if (!subscriptions.has(type) || !isBareAcknowledgement(request)) {
        // The first request of a stream is one, even when it carries a nonce of an earlier stream (Istio's client).
        const subscription = subscriptions.get(type) ?? new Subscription();
        subscriptions.set(type, subscription);
        dirty.add(type);
        subscription.request({
          subscribe: request.resourceNamesSubscribe,
          unsubscribe: request.resourceNamesUnsubscribe,
          initialVersions: request.initialResourceVersions,
        });
      }
      void pump();
    },
    close() {
      life.closed = true;
      stop();
    },
  };
}

/** Answers that may wait; a client asks for each type once. */
const maxUnknownTypes = 16;

/** The pod that the node's metadata names, when the certificate proves that it may be that pod. */
function findWorkload(
  snapshot: MeshSnapshot,
  node: Node | undefined,
  peer: SpiffeId,
): MeshWorkload | undefined {
  const name = node?.metadata?.["NAME"];
  const namespace = node?.metadata?.["NAMESPACE"];
  if (typeof name !== "string" || typeof namespace !== "string") return undefined;
  const workload = snapshot.pods.get(`${namespace}/${name}`);
  return workload?.identity === peer ? workload : undefined;
}

/** An acknowledgement may change the subscription as well. */
function isBareAcknowledgement(request: DeltaDiscoveryRequest): boolean {
  return (
    request.responseNonce !== "" &&
    request.resourceNamesSubscribe.length === 0 &&
    request.resourceNamesUnsubscribe.length === 0
  );
}

/** The proxy keeps its good state; sending the same again would be refused again. */
function reportNack(request: DeltaDiscoveryRequest, metrics: ControlMetrics, log: Log): void {
  const { errorDetail, typeUrl } = request;
  if (errorDetail === undefined) return;
  metrics.nacks.series(shortType(typeUrl)).value += 1;
  log.warn({ type: shortType(typeUrl), reason: errorDetail.message.slice(0, 1_000) }, "refused");
}

function createResponse(
  typeUrl: string,
  nonce: number,
  resources: readonly { name: string; version: string; typeUrl: string; body: Uint8Array }[],
  removed: readonly string[],
): DeltaDiscoveryResponse {
  return create(DeltaDiscoveryResponseSchema, {
    typeUrl,
    nonce: String(nonce),
    resources: resources.map(({ name, version, typeUrl, body }) => ({
      name,
      version,
      resource: { typeUrl, value: body },
    })),
    removedResources: [...removed],
  });
}

/** A label value that no client can invent. */
function shortType(typeUrl: string): string {
  const known = types.find((type) => type === typeUrl);
  return known === undefined ? "other" : known.slice(known.lastIndexOf(".") + 1);
}
