/** The client of the control plane: on-demand delta xDS, kept in books that the data path reads without waiting. */

import type { PolicySnapshot } from "../../api/authorization.ts";
import {
  addressType,
  authorizationType,
  type DeltaResponse,
  discoveryPath,
} from "../../api/discovery.ts";
import { decodeAuthorization } from "../../api/wire/authorization.ts";
import { decodeDeltaResponse, encodeDeltaRequest } from "../../api/wire/discovery.ts";
import { decodeAddress } from "../../api/wire/workload.ts";
import { backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { type Millis, millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import {
  createComputedCounter,
  createComputedGauge,
  type MetricFamily,
} from "../../core/metrics.ts";
import type { Watch } from "../../core/watch.ts";
import type { GrpcClient, GrpcError, GrpcStream } from "../../protocol/grpc/client.ts";
import { AddressBook } from "./address-book.ts";
import type { Destination, Discovery } from "./destination.ts";
import { PolicyBook } from "./policy-book.ts";

export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ip: string;
  readonly node: string;
}

export interface DiscoveryOptions {
  readonly grpc: GrpcClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly pod: PodFacts;
  readonly random?: () => number;
  /** The first stream waits for it: without a certificate it would fail, and the next one only come after a pause. */
  readonly after?: Promise<void>;
}

export interface DiscoveryClient extends Discovery {
  readonly policies: Watch<PolicySnapshot>;
  /** Resolves when the policies of this pod are known. */
  readonly loaded: Promise<void>;
  readonly families: readonly MetricFamily[];
  /** What is known, for the admin interface. */
  dump(): unknown;
  close(): void;
}

/** Opens the first stream at once, or when `after` has come. */
export function createDiscoveryClient(options: DiscoveryOptions): DiscoveryClient {
  return new OnDemandClient(options);
}

/** How long the first connection to an address waits for an answer before it goes on as if there were no mesh. */
const firstAnswerTimeout = seconds(2);

/** Pods find each other again soon after the control plane came back, without all asking in the same moment. */
const reconnect = { base: millis(100), max: seconds(5) };

/** Even the first delay is a random one of 100 ms to 1.6 s: when control crashes, all its proxies lose it at once. */
const firstAttempt = 4;

/**
 * Addresses that one pod talks to, of the mesh or not; about 200 bytes each where they are not. Beyond it the oldest
 * that was not used lately is unsubscribed.
 */
const maxKeys = 4_096;

class OnDemandClient implements DiscoveryClient {
  readonly loaded: Promise<void>;
  readonly families: readonly MetricFamily[];
  readonly #options: DiscoveryOptions;
  readonly #addresses = new AddressBook();
  readonly #policies: PolicyBook;
  /** Subscribed keys, oldest first. */
  readonly #keys = new Set<string>();
  readonly #waiters = new Map<string, (() => void)[]>();
  readonly #ownKey: string;
  #stream: GrpcStream | undefined;
  #attempt = firstAttempt;
  #updatedAt: Millis;
  #rejected = 0;
  #closed = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#policies = new PolicyBook(options.pod.namespace);
    this.#updatedAt = options.clock.now();
    this.#ownKey = `/${options.pod.ip}`;
    this.#keys.add(this.#ownKey);
    this.loaded = this.#whenLoaded();
    this.families = this.#describeMetrics();
    if (options.after === undefined) this.#connect();
    else void options.after.then(() => this.#connect());
  }

  get policies(): Watch<PolicySnapshot> {
    return this.#policies.snapshots;
  }

  lookup(ip: string, port: number): Destination | undefined {
    return this.#addresses.destination(ip, port);
  }

  async resolve(ip: string, port: number): Promise<Destination> {
    const key = `/${ip}`;
    this.#touch(key);
    if (!this.#addresses.knows(key)) await this.#answer(key);
    return this.lookup(ip, port) ?? { kind: "unknown" };
  }

  dump(): unknown {
    return {
      connected: this.#stream !== undefined,
      ageSeconds: this.#age(),
      keys: [...this.#keys],
      resources: this.#addresses.size,
      policies: this.policies.current(),
    };
  }

  close(): void {
    this.#closed = true;
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  #connect(): void {
    if (this.#closed) return;
    const { grpc, log, clock, random } = this.#options;
    let answered = false;
    let stream: GrpcStream | undefined;
    stream = grpc.stream(
      { path: discoveryPath },
      {
        onMessage: (message) => {
          answered = true;
          if (stream === this.#stream) this.#receive(message);
        },
        onEnd: (error: GrpcError | undefined) => {
          if (this.#stream === stream) this.#stream = undefined;
          if (this.#closed) return;
          // The next stream proves anew who we are: control ends those whose certificate has ended.
          grpc.disconnect();
          this.#attempt = answered ? firstAttempt : this.#attempt + 1;
          const delay = backoffDelay(reconnect, this.#attempt, random);
          log.debug({ reason: error?.message, delay }, "discovery stream ended");
          clock.after(delay, () => this.#connect());
        },
      },
    );
    this.#stream = stream;
    this.#sendFirstRequests(stream);
  }

  #sendFirstRequests(stream: GrpcStream): void {
    const { name, namespace, uid, ip, node } = this.#options.pod;
    const id = `sidecar~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`;
    const metadata = {
      NAME: name,
      NAMESPACE: namespace,
      UID: uid,
      INSTANCE_IPS: ip,
      NODE_NAME: node,
    };
    stream.send(
      encodeDeltaRequest({
        node: { id, metadata },
        typeUrl: authorizationType,
        subscribe: ["*"],
        initialVersions: this.#policies.versions(),
      }),
    );
    // Naming the wildcard and taking it back says that keys follow: an empty list would mean everything.
    stream.send(
      encodeDeltaRequest({
        typeUrl: addressType,
        subscribe: ["*", ...this.#keys],
        unsubscribe: ["*"],
        initialVersions: this.#addresses.versions(),
      }),
    );
  }

  #receive(message: Uint8Array): void {
    const response = this.#decode(message);
    if (response === undefined) return;
    const { typeUrl, nonce } = response;
    const problems =
      typeUrl === addressType ? this.#takeAddresses(response) : this.#takePolicies(response);
    this.#updatedAt = this.#options.clock.now();
    const acknowledgement = { typeUrl, responseNonce: nonce };
    if (problems.length === 0) this.#stream?.send(encodeDeltaRequest(acknowledgement));
    else {
      this.#rejected += problems.length;
      this.#options.log.warn({ problems }, "resources refused, their last good versions stay");
      this.#stream?.send(encodeDeltaRequest({ ...acknowledgement, error: problems.join("; ") }));
    }
  }

  #decode(message: Uint8Array): DeltaResponse | undefined {
    try {
      return decodeDeltaResponse(message);
    } catch (error) {
      this.#options.log.warn({ err: error }, "discovery response that cannot be read");
      this.#stream?.cancel();
      return undefined;
    }
  }

  #takeAddresses(response: DeltaResponse): string[] {
    const problems: string[] = [];
    for (const { name, version, body } of response.resources) {
      // An answer that was on its way when its key was unsubscribed.
      if (name.startsWith("/") && !this.#keys.has(name)) continue;
      try {
        this.#addresses.put(name, version, decodeAddress(body));
      } catch (error) {
        problems.push(`${name}: ${(error as Error).message}`);
      }
    }
    for (const name of response.removed) {
      if (!name.startsWith("/") || this.#keys.has(name)) this.#addresses.remove(name);
    }
    const own = this.#addresses.get(this.#ownKey);
    if (own?.kind === "workload") this.#policies.setOwn(own);
    this.#policies.publish();
    for (const name of [...response.resources.map((each) => each.name), ...response.removed]) {
      for (const wake of this.#waiters.get(name) ?? []) wake();
    }
    return problems;
  }

  #takePolicies(response: DeltaResponse): string[] {
    const problems: string[] = [];
    if (response.typeUrl !== authorizationType) return problems;
    for (const { name, version, body } of response.resources) {
      try {
        this.#policies.put(name, version, decodeAuthorization(body));
      } catch (error) {
        this.#policies.refuse(name);
        problems.push(`${name}: ${(error as Error).message}`);
      }
    }
    for (const name of response.removed) this.#policies.remove(name);
    this.#policies.told();
    this.#policies.publish();
    return problems;
  }

  async #answer(key: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiters.get(key) ?? [];
    this.#waiters.set(key, waiters);
    waiters.push(resolve);
    const stop = this.#options.clock.after(firstAnswerTimeout, resolve);
    await promise;
    stop();
    waiters.splice(waiters.indexOf(resolve), 1);
    if (waiters.length === 0) this.#waiters.delete(key);
  }

  /** Subscribes a new key, and unsubscribes others when there are too many. */
  #touch(key: string): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    const unsubscribe: string[] = [];
    // The oldest first; one that was used since it was last looked at goes to the end of the row instead.
    for (const old of this.#keys) {
      if (this.#keys.size <= maxKeys) break;
      this.#keys.delete(old);
      const stays = old === key || old === this.#ownKey;
      if (stays || this.#addresses.takeUsed(old.slice(1))) this.#keys.add(old);
      else {
        this.#addresses.forget(old);
        unsubscribe.push(old);
      }
    }
    this.#stream?.send(encodeDeltaRequest({ typeUrl: addressType, subscribe: [key], unsubscribe }));
  }

  async #whenLoaded(): Promise<void> {
    if (this.policies.current().loaded) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = this.policies.subscribe((snapshot) => {
      if (snapshot.loaded) resolve();
    });
    await promise;
    stop();
  }

  #age(): number {
    return (this.#options.clock.now() - this.#updatedAt) / 1_000;
  }

  #describeMetrics(): MetricFamily[] {
    return [
      createComputedGauge(
        "remora_discovery_connected",
        "1 while the stream to the control plane is open",
        () => (this.#stream === undefined ? 0 : 1),
      ),
      createComputedGauge(
        "remora_discovery_age_seconds",
        "Since the control plane last said anything; the last good state is used meanwhile",
        () => this.#age(),
      ),
      createComputedGauge(
        "remora_discovery_resources",
        "Workloads and services that are known",
        () => this.#addresses.size,
      ),
      createComputedCounter(
        "remora_discovery_rejected_total",
        "Resources that could not be understood",
        () => this.#rejected,
      ),
    ];
  }
}
