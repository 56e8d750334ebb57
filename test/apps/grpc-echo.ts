/** The service that the gRPC tests speak: messages are plain bytes, so that every language can join without code. */
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

export type BytesMethod = MethodDefinition<Buffer, Buffer>;

export interface EchoService extends ServiceDefinition {
  readonly Unary: BytesMethod;
  readonly ClientStream: BytesMethod;
  readonly ServerStream: BytesMethod;
  readonly Bidi: BytesMethod;
}

export const echoService: EchoService = {
  /** Sends the message back. */
  Unary: method("Unary", false, false),
  /** Answers with `COUNT SHA256` of all messages. */
  ClientStream: method("ClientStream", true, false),
  /** The request is `COUNT SIZE PAUSE_MILLIS`. */
  ServerStream: method("ServerStream", false, true),
  /** Sends every message back as it comes. */
  Bidi: method("Bidi", true, true),
};

function method(name: string, requestStream: boolean, responseStream: boolean): BytesMethod {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}
