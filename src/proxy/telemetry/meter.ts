/** Counts the exchanges with one peer. A connection looks its meter up once and then only adds to plain numbers. */
import type { ErrorCode } from "../../core/mesh-error.ts";
import { type HistogramSeries, observe, type Series } from "../../core/metrics.ts";
import type { DataPathFamilies, Direction } from "./families.ts";

export interface MeterLabels {
  readonly direction: Direction;
  /** SPIFFE ID of the other pod; `unknown` when it has none. */
  readonly peer: string;
  /** `namespace/name` of the Service, or of the pod when it was dialled directly; `external` outside the mesh. */
  readonly service: string;
  readonly protocol: "http1" | "http2" | "grpc" | "tcp";
}

export interface ConnectionResult {
  readonly error: ErrorCode | undefined;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface Meter {
  readonly labels: MeterLabels;
  /** `status` is 0 for a request without a response, `grpcStatus` empty outside gRPC. */
  recordRequest(
    status: number,
    grpcStatus: string,
    error: ErrorCode | undefined,
    millis: number,
  ): void;
  recordConnection(result: ConnectionResult): void;
}

export interface Meters {
  readonly families: DataPathFamilies;
  meter(labels: MeterLabels): Meter;
}

export function createMeters(families: DataPathFamilies): Meters {
  const meters = new Map<string, Meter>();
  return {
    families,
    meter(labels) {
      const key = `${labels.direction}|${labels.peer}|${labels.service}|${labels.protocol}`;
      let meter = meters.get(key);
      if (meter === undefined) {
        meter = new PeerMeter(families, labels);
        // The families fold what exceeds their limit into one series; the shortcuts to it need no more room.
        if (meters.size < maxMeters) meters.set(key, meter);
      }
      return meter;
    },
  };
}

/** The meters of one client connection, found by the peer's name without making a key. */
export class ConnectionMeters {
  readonly #meters: Meters;
  readonly #direction: Direction;
  readonly #service: string;
  /** Most connections speak one protocol, and many nothing yet. */
  readonly #known: Partial<Record<MeterLabels["protocol"], Map<string, Meter>>> = {};

  constructor(meters: Meters, direction: Direction, service: string) {
    this.#meters = meters;
    this.#direction = direction;
    this.#service = service;
  }

  find(peer: string, protocol: MeterLabels["protocol"]): Meter {
    const known = (this.#known[protocol] ??= new Map());
    let meter = known.get(peer);
    if (meter === undefined) {
      const direction = this.#direction;
      meter = this.#meters.meter({ direction, peer, service: this.#service, protocol });
      known.set(peer, meter);
    }
    return meter;
  }
}

/** Peers times services that one pod talks to; far above what one pod does. */
const maxMeters = 4_096;

class PeerMeter implements Meter {
  readonly labels: MeterLabels;
  readonly #families: DataPathFamilies;
  readonly #duration: HistogramSeries;
  /** By status class, for requests without error and without gRPC status: nearly all of HTTP. */
  readonly #plain: (Series | undefined)[] = [];
  readonly #grpcOk: (Series | undefined)[] = [];

  constructor(families: DataPathFamilies, labels: MeterLabels) {
    this.#families = families;
    this.labels = labels;
    this.#duration = families.duration.series(
      labels.direction,
      labels.peer,
      labels.service,
      labels.protocol,
    );
  }

  recordRequest(
    status: number,
    grpcStatus: string,
    error: ErrorCode | undefined,
    millis: number,
  ): void {
    this.#requests(status, grpcStatus, error).value += 1;
    observe(this.#families.duration.bounds, this.#duration, millis / 1_000);
  }

  recordConnection(result: ConnectionResult): void {
    const { direction, peer, service } = this.labels;
    const families = this.#families;
    families.tcpConnections.series(direction, peer, service, result.error ?? "").value += 1;
    families.tcpBytes.series(direction, peer, service, "sent").value += result.bytesSent;
    families.tcpBytes.series(direction, peer, service, "received").value += result.bytesReceived;
  }

  #requests(status: number, grpcStatus: string, error: ErrorCode | undefined): Series {
    const statusClass = Math.floor(status / 100);
    if (error !== undefined) return this.#find(statusClass, grpcStatus, error);
    if (grpcStatus !== "" && grpcStatus !== "0") return this.#find(statusClass, grpcStatus, "");
    const known = grpcStatus === "" ? this.#plain : this.#grpcOk;
    return (known[statusClass] ??= this.#find(statusClass, grpcStatus, ""));
  }

  #find(statusClass: number, grpcStatus: string, error: string): Series {
    const { direction, peer, service, protocol } = this.labels;
    // An application may send any number there; gRPC knows seventeen (0 to 16).
    const grpc = /^(?:\d|1[0-6])?$/.test(grpcStatus) ? grpcStatus : "other";
    const status = statusClass >= 1 && statusClass <= 5 ? `${statusClass}xx` : "none";
    return this.#families.requests.series(direction, peer, service, protocol, status, grpc, error);
  }
}
