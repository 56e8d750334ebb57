/** The discovery service on grpc-js: streams of authenticated proxies in, sessions out. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { discoveryPath } from "../../api/discovery.ts";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "../../api/gen/discovery_pb.ts";
import type { Clock } from "../../core/clock.ts";
import type { Millis } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { Watch } from "../../core/watch.ts";
import { type LeafVerdict, verifyPeerLeaf } from "../../protocol/x509/peer-leaf.ts";
import type { ControlMetrics } from "../metrics.ts";
import type { MeshSnapshot } from "../model/snapshot.ts";
import { createSession, type Session } from "./session.ts";
import { LimitError } from "./subscription.ts";

type Handler = handleBidiStreamingCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
type Stream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

export const discoveryServiceDefinition: ServiceDefinition<{ deltaAggregatedResources: Handler }> =
  {
    deltaAggregatedResources: {
      path: discoveryPath,
      requestStream: true,
      responseStream: true,
      requestSerialize: (value: DeltaDiscoveryRequest) =>
        Buffer.from(toBinary(DeltaDiscoveryRequestSchema, value)),
      requestDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
      responseSerialize: (value: DeltaDiscoveryResponse) =>
        Buffer.from(toBinary(DeltaDiscoveryResponseSchema, value)),
      responseDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
    },
  };

export interface DiscoveryServiceOptions {
  readonly trustDomain: string;
  readonly snapshots: Watch<MeshSnapshot>;
  readonly clock: Clock;
  readonly metrics: ControlMetrics;
  readonly log: Log;
}

export interface DiscoveryService {
  readonly handler: Handler;
  /**
   * Ends the streams one after the other within the time, and at once those that still come: the proxies find another
   * replica, or this one's successor, which are not to shake all their hands in the same moment.
   */
  end(within: Millis): void;
}

/** The rest of the time is for the last streams to end in order. */
const spread = 0.8;

/** A peer without an identity of our trust domain is refused before its first request. */
export function createDiscoveryService(options: DiscoveryServiceOptions): DiscoveryService {
  const { metrics } = options;
  const open = new Set<Stream>();
  let draining = false;
  const handler: Handler = (call) => {
    const verdict = identifyPeer(call, options.trustDomain);
    const log = options.log.child({ peer: call.getPeer() });
    if (draining) {
      endWith(call, status.UNAVAILABLE, "draining");
    } else if (verdict.kind === "rejected") {
      metrics.refusals.series(verdict.reason).value += 1;
      log.info({ reason: verdict.reason }, "proxy refused");
      endWith(call, status.UNAUTHENTICATED, `client certificate refused: ${verdict.reason}`);
    } else {
      open.add(call);
      serve(call, verdict, { ...options, log }, () => open.delete(call));
    }
  };
  return {
    handler,
    end(within) {
      draining = true;
      const step = (within * spread) / Math.max(1, open.size);
      Array.from(open).forEach((call, index) => {
        options.clock.after((index * step) as Millis, () => {
          if (open.has(call)) endWith(call, status.UNAVAILABLE, "draining");
        });
      });
    },
  };
}

function serve(
  call: Stream,
  { id, notAfter }: Extract<LeafVerdict, { kind: "accepted" }>,
  options: DiscoveryServiceOptions,
  onEnd: () => void,
): void {
  const { clock, metrics } = options;
  const log = options.log.child({ identity: id });
  const send = (response: DeltaDiscoveryResponse): Promise<void> => write(call, response);
  const session = createSession({ ...options, log, peer: id, send });
  const streams = metrics.streams.series();
  streams.value += 1;
  log.debug("proxy connected");
  // The peer must prove anew who it is once its proof has ended.
  const stopTimer = clock.after((notAfter - clock.wallTime()) as Millis, () => {
    endWith(call, status.UNAVAILABLE, "client certificate has ended");
  });
  let over = false;
  attach(call, session, { metrics, log }, () => {
    if (over) return;
    over = true;
    stopTimer();
    session.close();
    streams.value -= 1;
    log.debug("proxy disconnected");
    onEnd();
  });
}

function attach(
  call: Stream,
  session: Session,
  { metrics, log }: Pick<DiscoveryServiceOptions, "metrics" | "log">,
  end: () => void,
): void {
  call.on("data", (request: DeltaDiscoveryRequest) => {
    try {
      session.receive(request);
    } catch (error) {
      end();
      if (error instanceof LimitError) {
        metrics.refusals.series("limit").value += 1;
        endWith(call, status.RESOURCE_EXHAUSTED, error.message);
      } else {
        log.error({ err: error }, "request failed");
        endWith(call, status.INTERNAL, "internal");
      }
    }
  });
  call.on("end", () => {
    end();
    call.end();
  });
  call.on("cancelled", end);
  call.on("error", end);
  call.on("close", end);
}

/** Resolves when the message has left the process's own buffers, so that one message per stream waits at most. */
function write(call: Stream, response: DeltaDiscoveryResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    call.write(response, (error: Error | null | undefined) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

function identifyPeer(call: Stream, trustDomain: string): LeafVerdict {
  const raw = call.getAuthContext()?.sslPeerCertificate?.raw;
  if (raw === undefined) return { kind: "rejected", reason: "malformed" };
  return verifyPeerLeaf(raw, trustDomain);
}

function endWith(call: Stream, code: status, details: string): void {
  call.emit("error", { code, details });
}
