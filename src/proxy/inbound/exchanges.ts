/** The exchanges of one client with the application: each is authorized, forwarded, re-checked, recorded. */

import type { PolicySnapshot } from "../../api/authorization.ts";
import { formatAddress } from "../../core/address.ts";
import { MeshError, overloaded } from "../../core/mesh-error.ts";
import { monotonicNow } from "../../core/monotonic.ts";
import type {
  HeaderList,
  RequestAcceptor,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import type { UpstreamProtocol } from "../balance/upstreams.ts";
import type { Endpoint } from "../discovery/destination.ts";
import {
  addClientIdentity,
  requestsOnly,
  stripMeshHeaders,
  unprocessed,
} from "../http/mesh-headers.ts";
import { Recorder } from "../http/record.ts";
import { Relay, type RelayOwner } from "../http/relay.ts";
import { isGrpc } from "../http/rescue.ts";
import type { AuditFinding, Permit } from "../policy/authorize.ts";
import { explain, summarize } from "../policy/explain.ts";
import type { MeterLabels } from "../telemetry/meter.ts";
import {
  type Client,
  connectionFacts,
  type InboundGate,
  openInboundGate,
  type Refusal,
} from "./authorize.ts";
import type { InboundContext } from "./context.ts";
import { describeRefusal, policyLabel } from "./refusal.ts";

export type AppProtocol = Exclude<UpstreamProtocol, "mesh">;

/** Where in the pod an exchange goes. */
export interface Target {
  readonly port: number;
  readonly protocol: AppProtocol;
}

/**
 * A stale connection; a fresh one, which an application that stops in this moment may still have accepted; then it is refused,
 * and the peer may try another pod.
 */
const maxAttempts = 3;

/** Ports that one peer may make us remember; an application has a handful. */
const maxPorts = 64;

/** An exchange that has begun and not ended; the relay's tag. */
interface Live {
  readonly relay: Relay;
  readonly target: Target;
  /** Where it stands among all that live. */
  place: number;
  /** What policies had to say of it, for the access log. */
  policy: string | undefined;
  audit: string | undefined;
}

export class InboundExchanges implements RelayOwner {
  readonly client: Client;
  readonly #context: InboundContext;
  readonly #recorder: Recorder;
  readonly #live: Live[] = [];
  readonly #endpoints = new Map<number, Endpoint>();
  readonly #gates = new Map<number, InboundGate>();
  /** Findings of policies in audit mode that were logged on this connection. */
  readonly #logged = new Set<string>();
  #policies: PolicySnapshot | undefined;

  constructor(context: InboundContext, client: Client) {
    this.#context = context;
    this.client = client;
    const { workload } = context;
    this.#recorder = new Recorder({
      workload,
      direction: "inbound",
      client: client.client,
      service: `${workload.namespace}/${workload.name}`,
    });
  }

  /** What the client may do at the port, found anew when the policies have changed. */
  gate(port: number): InboundGate {
    const policies = this.#context.workload.policies.current();
    if (policies !== this.#policies) {
      this.#policies = policies;
      this.#gates.clear();
    }
    let gate = this.#gates.get(port);
    if (gate === undefined) {
      gate = openInboundGate(policies, this.client, port);
      if (this.#gates.size < maxPorts) this.#gates.set(port, gate);
    }
    return gate;
  }

  /** Takes the requests of one connection to a port; `tunnel` is the way to the application that is open already. */
  accept(target: Target, tunnel: RequestOpener | undefined): RequestAcceptor {
    return {
      onRequest: (head, end, response) => {
        stripMeshHeaders(head.headers);
        const relay = new Relay(head, end, response, this, monotonicNow());
        this.admit(relay, target, tunnel);
        return relay.request;
      },
    };
  }

  /** Authorizes the exchange, and forwards or refuses it. */
  admit(relay: Relay, target: Target, tunnel?: RequestOpener): void {
    const decision = this.#decide(relay, target);
    const place = this.#live.length;
    const live: Live = { relay, target, place, policy: undefined, audit: undefined };
    relay.tag = live;
    this.#live.push(live);
    if (decision.kind !== "permit") {
      this.#refuse(relay, live, decision);
      return;
    }
    const { permit, audit } = decision;
    live.policy = permit.policy;
    if (audit !== undefined) this.#reportAudit(live, audit);
    if (tunnel !== undefined && tunnel.capacity > 0) relay.connect(tunnel);
    else this.#forward(relay, target, permit);
  }

  #decide(relay: Relay, { port, protocol }: Target): ReturnType<InboundGate["judge"]> {
    const gate = this.gate(port);
    return protocol === "opaque" ? gate.connection : (gate.requests ?? gate.judge(relay.head));
  }

  /** Answers an exchange that may not pass, or cuts one that no longer may. */
  #refuse(relay: Relay, live: Live, decision: Refusal): void {
    const { families } = this.#context.workload.meters;
    if (decision.kind === "denied") {
      live.policy = decision.policy;
      families.denials.series(policyLabel(decision.policy)).value += 1;
    }
    this.#explain(relay, live.target, decision);
    const error = describeRefusal(decision, live.target.port, this.client);
    if (relay.attempts === 0) relay.fail(error, this.#hints(live.target));
    else relay.abort(error);
  }

  /** A peer whose client has not spoken yet shall not take the refusal of a tunnel for that of requests. */
  #hints({ port, protocol }: Target): HeaderList {
    if (protocol !== "opaque" || this.client.peer === undefined) return [];
    const { requests } = this.gate(port);
    return requests === undefined || requests.kind === "permit" ? requestsOnly : [];
  }

  /** Not at info: clients that are denied do not get tired of asking. */
  #explain(relay: Relay, target: Target, { kind }: Refusal): void {
    const { workload, log } = this.#context;
    if (kind !== "denied" || !log.isLevelEnabled("debug")) return;
    const { client, peer } = this.client;
    const head = target.protocol === "opaque" ? undefined : relay.head;
    const facts = connectionFacts(this.client, target.port);
    const why = summarize(explain(workload.policies.current(), facts, head));
    log.debug({ direction: "inbound", client, peer, port: target.port, why }, "denied");
  }

  /** Sends the exchange to the application; the permit is the proof that it may. */
  #forward(relay: Relay, target: Target, _permit: Permit): void {
    if (!this.#context.overload.admitExchange(this.#live.length - 1)) {
      relay.fail(overloaded(), this.client.peer === undefined ? [] : unprocessed);
      return;
    }
    const { peer } = this.client;
    if (peer !== undefined && target.protocol !== "opaque") {
      addClientIdentity(relay.head.headers, peer);
    }
    this.#send(relay, target);
  }

  /** After a policy change: what is no longer permitted ends now. */
  recheck(): void {
    // An idle connection shall not be what keeps ten thousand rules of yesterday.
    this.#policies = undefined;
    this.#gates.clear();
    for (const live of this.#live.slice()) {
      const decision = this.#decide(live.relay, live.target);
      if (decision.kind !== "permit") this.#refuse(live.relay, live, decision);
    }
  }

  onResponse(_relay: Relay, head: ResponseHead): void {
    stripMeshHeaders(head.headers);
  }

  retry(relay: Relay, reset: Reset): boolean {
    const { target } = relay.tag as Live;
    if (relay.attempts >= maxAttempts) return false;
    this.#context.workload.meters.families.retries.series(reset.code).value += 1;
    this.#send(relay, target);
    return true;
  }

  onEnd(relay: Relay): void {
    const live = relay.tag as Live;
    this.#remove(live);
    const { localIp, peer } = this.client;
    const { port, protocol } = live.target;
    const label = protocolLabel(protocol, relay.head);
    const describe = (): string => formatAddress({ ip: localIp, port });
    this.#recorder.record(relay, peer ?? "unknown", label, describe, live);
  }

  #remove({ place }: Live): void {
    const last = this.#live.pop() as Live;
    if (last.place === place) return;
    this.#live[place] = last;
    last.place = place;
  }

  endpoint(port: number): Endpoint {
    let endpoint = this.#endpoints.get(port);
    if (endpoint === undefined) {
      const { namespace, name } = this.#context.workload;
      const ip = this.client.localIp;
      endpoint = {
        ip,
        port,
        tunnel: "none",
        identity: undefined,
        namespace,
        workload: name,
        uid: "",
      };
      if (this.#endpoints.size < maxPorts) this.#endpoints.set(port, endpoint);
    }
    return endpoint;
  }

  /** Counted each time, and logged once for a connection, port and policy. */
  #reportAudit(live: Live, { policy, reason }: AuditFinding): void {
    const { workload, log } = this.#context;
    const label = policyLabel(policy);
    live.audit = label;
    workload.meters.families.audits.series(label).value += 1;
    const { port } = live.target;
    const key = `${port} ${label}`;
    if (this.#logged.has(key) || this.#logged.size >= maxPorts) return;
    this.#logged.add(key);
    const { peer, client } = this.client;
    log.info({ direction: "inbound", client, peer, port, policy, reason }, "would be denied");
  }

  #send(relay: Relay, target: Target): void {
    this.#context.upstreams.pool(this.endpoint(target.port), target.protocol).take(relay);
  }

  /** A pod that is being ended has lost its application first: the peer may try another pod. */
  connectFailed(relay: Relay, error: unknown): void {
    const safe = error instanceof MeshError && error.retry === "unprocessed";
    relay.fail(error, safe && this.client.peer !== undefined ? unprocessed : []);
  }
}

function protocolLabel(protocol: AppProtocol, head: RequestHead): MeterLabels["protocol"] {
  if (protocol === "opaque") return "tcp";
  return isGrpc(head) ? "grpc" : protocol;
}
