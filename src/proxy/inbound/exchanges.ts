/** The exchanges of one client with the application: each is authorized, forwarded, re-checked, recorded. */
import type { PolicySnapshot } from "../../api/authorization.ts";
import { formatAddress } from "../../core/address.ts";
import { MeshError } from "../../core/mesh-error.ts";
import type {
  RequestAcceptor,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import type { UpstreamProtocol } from "../balance/upstreams.ts";
import type { Endpoint } from "../discovery/destination.ts";
import { addClientIdentity, stripMeshHeaders, unprocessed } from "../http/mesh-headers.ts";
import { Recorder } from "../http/record.ts";
import { Relay, type RelayOwner } from "../http/relay.ts";
import { isGrpc } from "../http/rescue.ts";
import type { AuditFinding, Permit } from "../policy/authorize.ts";
import type { MeterLabels } from "../telemetry/meter.ts";
import { authorizeInbound, type Client, type InboundDecision } from "./authorize.ts";
import type { InboundContext } from "./context.ts";

export type AppProtocol = Exclude<UpstreamProtocol, "mesh">;

/** Where in the pod an exchange goes. */
export interface Target {
  readonly port: number;
  readonly protocol: AppProtocol;
}

/** One fresh connection after a stale one; the application itself is the only endpoint. */
const maxAttempts = 2;

/** Ports that one peer may make us remember; an application has a handful. */
const maxDecisions = 64;

export class InboundExchanges implements RelayOwner {
  readonly client: Client;
  readonly #context: InboundContext;
  readonly #recorder: Recorder;
  readonly #live = new Map<Relay, Target>();
  readonly #endpoints = new Map<number, Endpoint>();
  readonly #decisions = new Map<number, InboundDecision>();
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

  /** Asked for every exchange, answered anew only when the policies have changed. */
  decide(port: number): InboundDecision {
    const policies = this.#context.workload.policies.current();
    if (policies !== this.#policies) {
      this.#policies = policies;
      this.#decisions.clear();
    }
    let decision = this.#decisions.get(port);
    if (decision === undefined) {
      decision = authorizeInbound(policies, this.client, port);
      if (decision.kind === "permit" && decision.audit !== undefined) {
        this.#reportAudit(decision.audit, port);
      }
      if (this.#decisions.size < maxDecisions) this.#decisions.set(port, decision);
    }
    return decision;
  }

  /** Takes the requests of one connection to a port; `tunnel` is the way to the application that is open already. */
  accept(target: Target, tunnel: RequestOpener | undefined): RequestAcceptor {
    return {
      onRequest: (head, end, response) => {
        stripMeshHeaders(head.headers);
        const relay = new Relay(head, end, response, this, performance.now());
        const decision = this.decide(target.port);
        if (decision.kind !== "permit") this.refuse(relay, target, decision);
        else if (tunnel !== undefined && tunnel.capacity > 0) {
          this.adopt(relay, target, decision.permit, tunnel);
        } else this.forward(relay, target, decision.permit);
        return relay.request;
      },
    };
  }

  /** Answers an exchange that may not pass. */
  refuse(
    relay: Relay,
    target: Target,
    decision: Exclude<InboundDecision, { kind: "permit" }>,
  ): void {
    this.#live.set(relay, target);
    relay.fail(refusal(decision, target.port));
  }

  /** Sends the exchange to the application; the permit is the proof that it may. */
  forward(relay: Relay, target: Target, _permit: Permit): void {
    this.#live.set(relay, target);
    const { peer } = this.client;
    if (peer !== undefined && target.protocol !== "opaque") {
      addClientIdentity(relay.head.headers, peer);
    }
    this.#send(relay, target);
  }

  /** Joins the exchange to a connection that is open already. */
  adopt(relay: Relay, target: Target, _permit: Permit, opener: RequestOpener): void {
    this.#live.set(relay, target);
    relay.connect(opener);
  }

  /** After a policy change: what is no longer permitted ends now. */
  recheck(): void {
    for (const [relay, target] of Array.from(this.#live)) {
      const decision = this.decide(target.port);
      if (decision.kind !== "permit") relay.abort(refusal(decision, target.port));
    }
  }

  onResponse(_relay: Relay, head: ResponseHead): void {
    stripMeshHeaders(head.headers);
  }

  retry(relay: Relay, reset: Reset): boolean {
    const target = this.#live.get(relay);
    if (target === undefined || relay.attempts >= maxAttempts) return false;
    this.#context.workload.meters.families.retries.series(reset.code).value += 1;
    this.#send(relay, target);
    return true;
  }

  onEnd(relay: Relay): void {
    const target = this.#live.get(relay);
    this.#live.delete(relay);
    if (target === undefined) return;
    const { localIp, peer } = this.client;
    const protocol = protocolLabel(target.protocol, relay.head);
    this.#recorder.record(relay, peer ?? "unknown", protocol, () =>
      formatAddress({ ip: localIp, port: target.port }),
    );
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
      if (this.#endpoints.size < maxDecisions) this.#endpoints.set(port, endpoint);
    }
    return endpoint;
  }

  /** Once for a client and a port, and again when the policies have changed. */
  #reportAudit({ policy, reason }: AuditFinding, port: number): void {
    const { workload, log } = this.#context;
    workload.meters.families.audits.series(policy ?? "none").value += 1;
    const { peer, client } = this.client;
    log.info({ direction: "inbound", client, peer, port, policy, reason }, "would be denied");
  }

  #send(relay: Relay, target: Target): void {
    const pool = this.#context.upstreams.pool(this.endpoint(target.port), target.protocol);
    const opener = target.protocol === "opaque" ? undefined : pool.ready();
    if (opener !== undefined) relay.connect(opener);
    else {
      pool
        .connect((dialled) => relay.connect(dialled))
        .catch((error: unknown) => this.#connectFailed(relay, error));
    }
  }

  /** A pod that is being ended has lost its application first: the peer may try another pod. */
  #connectFailed(relay: Relay, error: unknown): void {
    const safe = error instanceof MeshError && error.retry === "unprocessed";
    relay.fail(error, safe && this.client.peer !== undefined ? unprocessed : []);
  }
}

function protocolLabel(protocol: AppProtocol, head: RequestHead): MeterLabels["protocol"] {
  if (protocol === "opaque") return "tcp";
  return isGrpc(head) ? "grpc" : protocol;
}

function refusal(decision: Exclude<InboundDecision, { kind: "permit" }>, port: number): MeshError {
  if (decision.kind === "own-port") {
    return new MeshError("loop_detected", `port ${port} is the sidecar's own`, {
      side: "downstream",
    });
  }
  return new MeshError("policy_denied", decision.reason, { side: "downstream" });
}
