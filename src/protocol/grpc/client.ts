/** The calls that a sidecar makes to its control plane: one unary, one bidirectional stream. */

/** A call that ended without success; `status` is the gRPC status code. */
export class GrpcError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "GrpcError";
    this.status = status;
  }
}

export interface GrpcCallOptions {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Extra request headers, lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The call fails with DEADLINE_EXCEEDED after so many milliseconds; sent as grpc-timeout too. */
  readonly timeoutMillis?: number;
}

export interface GrpcStream {
  /** Sends one message; false when the stream has ended. */
  send(message: Uint8Array): boolean;
  /** No more messages from us. */
  finish(): void;
  cancel(): void;
}

export interface GrpcStreamEvents {
  onMessage(message: Uint8Array): void;
  /** Called once; undefined means status OK. */
  onEnd(error: GrpcError | undefined): void;
}

/** One HTTP/2 connection to a gRPC server, dialled when it is first needed and again after it was lost. */
export interface GrpcClient {
  unary(options: GrpcCallOptions, request: Uint8Array): Promise<Uint8Array>;
  stream(options: GrpcCallOptions, events: GrpcStreamEvents): GrpcStream;
  /** Ends the connection and the calls on it; the next call dials a new one, with the credentials of then. */
  disconnect(): void;
  close(): void;
}
