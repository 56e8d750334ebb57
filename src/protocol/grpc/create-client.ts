/** The gRPC client of a sidecar: one HTTP/2 connection on our own engine, dialled when it is needed. */
import type { Clock } from "../../core/clock.ts";
import { type Millis, seconds } from "../../core/duration.ts";
import type { Engine, EngineHost } from "../exchange.ts";
import { createHttp2Client, type Http2Client } from "../http2/client.ts";
import type { Http2Settings } from "../http2/settings.ts";
import { Call } from "./call.ts";
import {
  type GrpcCallOptions,
  type GrpcClient,
  GrpcError,
  type GrpcStreamEvents,
} from "./client.ts";
import { GRPC_INTERNAL, GRPC_UNAVAILABLE } from "./status.ts";

/** A connection that the transport made. */
export interface GrpcConnection {
  /** Ends it at once; the transport then calls `closed` of the engine. */
  close(): void;
}

/**
 * Connects, with TLS where it is wanted, then makes the engine with `createEngine` and drives it (bytes, flushes, a
 * `tick` per second). Rejects when there is no connection; the message says why.
 */
export type GrpcDial = (createEngine: (host: EngineHost) => Engine) => Promise<GrpcConnection>;

export interface GrpcClientConfig {
  readonly dial: GrpcDial;
  /** The `:authority` of every call. */
  readonly authority: string;
  /** Default https. */
  readonly scheme?: "http" | "https";
  readonly clock: Clock;
  /** A larger message ends its call with RESOURCE_EXHAUSTED. Default 4 MiB, as everywhere in gRPC. */
  readonly maxMessageBytes?: number;
  /** What one call may have unsent; more ends it with RESOURCE_EXHAUSTED. Default 4 MiB. */
  readonly maxUnsentBytes?: number;
  /**
   * A PING after so long with calls open; a connection that has not answered by the next one is closed.
   * Default 30 s, half of the shortest idle time that load balancers are known to keep.
   */
  readonly keepalive?: Millis;
  readonly http2?: Http2Settings;
}

export function createGrpcClient(config: GrpcClientConfig): GrpcClient {
  return new SharedConnectionClient(config);
}

const defaultMessageBytes = 4 * 1024 * 1024;

class SharedConnectionClient implements GrpcClient {
  readonly #config: GrpcClientConfig;
  #engine: Http2Client | undefined = undefined;
  #connection: GrpcConnection | undefined = undefined;
  #dialling = false;
  #closed = false;
  /** Calls that wait for a connection, or for room on it. */
  readonly #waiting: Set<Call> = new Set();
  readonly #calls: Set<Call> = new Set();

  constructor(config: GrpcClientConfig) {
    this.#config = config;
  }

  async unary(options: GrpcCallOptions, request: Uint8Array): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    let response: Uint8Array | undefined;
    const call = this.#createCall(options, true, {
      onMessage(message) {
        response ??= message;
      },
      onEnd(error) {
        if (error !== undefined) reject(error);
        else if (response === undefined)
          reject(new GrpcError(GRPC_INTERNAL, "no message in the answer"));
        else resolve(response);
      },
    });
    call.send(request);
    call.finish();
    this.#start(call);
    return promise;
  }

  stream(options: GrpcCallOptions, events: GrpcStreamEvents): Call {
    const call = this.#createCall(options, false, events);
    this.#start(call);
    return call;
  }

  disconnect(): void {
    const connection = this.#connection;
    this.#forget(this.#engine);
    connection?.close();
  }

  close(): void {
    this.#closed = true;
    const reason = new GrpcError(GRPC_UNAVAILABLE, "client closed");
    for (const call of Array.from(this.#calls)) call.fail(reason);
    this.#engine?.drain();
    this.#connection?.close();
    this.#forget(this.#engine);
  }

  #createCall(options: GrpcCallOptions, unary: boolean, events: GrpcStreamEvents): Call {
    const { scheme, authority, clock, maxMessageBytes, maxUnsentBytes } = this.#config;
    const call: Call = new Call(
      {
        ...options,
        scheme: scheme ?? "https",
        authority,
        clock,
        maxMessageBytes: maxMessageBytes ?? defaultMessageBytes,
        maxUnsentBytes: maxUnsentBytes ?? defaultMessageBytes,
        // Only a unary call keeps what it sent, so only that can be sent again.
        repeatable: unary,
      },
      {
        onMessage: (message) => events.onMessage(message),
        onEnd: (error) => {
          this.#calls.delete(call);
          this.#waiting.delete(call);
          events.onEnd(error);
        },
      },
      () => this.#start(call),
    );
    this.#calls.add(call);
    return call;
  }

  #start(call: Call): void {
    if (call.ended) return;
    if (this.#closed) return call.fail(new GrpcError(GRPC_UNAVAILABLE, "client closed"));
    const engine = this.#engine;
    if (engine !== undefined && engine.capacity > 0) {
      call.start(engine);
      return;
    }
    this.#waiting.add(call);
    if (engine === undefined && !this.#dialling) void this.#dial();
  }

  async #dial(): Promise<void> {
    this.#dialling = true;
    let engine: Http2Client | undefined;
    try {
      const connection = await this.#config.dial((host) => {
        engine = createHttp2Client(
          host,
          {
            onCapacity: () => this.#startWaiting(),
            onDraining: () => this.#forget(engine),
          },
          this.#config.http2,
        );
        this.#engine = engine;
        return engine;
      });
      this.#dialling = false;
      if (this.#closed) return connection.close();
      this.#connection = connection;
      if (engine !== undefined) this.#keepAlive(engine, connection);
      this.#startWaiting();
    } catch (error) {
      this.#dialling = false;
      this.#failWaiting(`no connection: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #startWaiting(): void {
    for (const call of Array.from(this.#waiting)) {
      const engine = this.#engine;
      if (engine === undefined) break;
      if (engine.capacity === 0) return;
      this.#waiting.delete(call);
      call.start(engine);
    }
    // The connection went while calls waited for room on it.
    const lost = this.#engine === undefined && this.#waiting.size > 0;
    if (lost && !this.#dialling && !this.#closed) void this.#dial();
  }

  /** New calls need another connection; those that run on this one may still end well. */
  #forget(engine: Http2Client | undefined): void {
    if (engine === undefined || this.#engine !== engine) return;
    this.#engine = undefined;
    this.#connection = undefined;
    if (this.#waiting.size > 0 && !this.#dialling && !this.#closed) void this.#dial();
  }

  #failWaiting(reason: string): void {
    const error = new GrpcError(GRPC_UNAVAILABLE, reason);
    for (const call of Array.from(this.#waiting)) call.fail(error);
  }

  #keepAlive(engine: Http2Client, connection: GrpcConnection): void {
    const { clock, keepalive } = this.#config;
    clock.after(keepalive ?? seconds(30), () => {
      if (this.#engine !== engine) return;
      if (engine.active > 0 && !engine.ping()) {
        connection.close();
        return;
      }
      this.#keepAlive(engine, connection);
    });
  }
}
