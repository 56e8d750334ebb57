/** Asks an authority over the Istio CA API, by the sidecar's own gRPC client and without generated code. */
import { readFileSync } from "node:fs";
import { WireReader } from "../api/wire/reader.ts";
import { WireWriter } from "../api/wire/writer.ts";
import type { GrpcClient } from "../protocol/grpc/client.ts";
import type { RequestCertificate } from "./credentials.ts";

export const createCertificatePath = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

/** A healthy authority answers in milliseconds; this is for one that is restarting behind its Service. */
export const caTimeoutMillis = 10_000;

export interface CaClientOptions {
  readonly grpc: GrpcClient;
  /** Read for every request: the kubelet renews it. */
  readonly tokenFile: string;
}

/** Rejects with a GrpcError that carries the authority's status, or with the error of reading the token. */
export function createCaClient(options: CaClientOptions): RequestCertificate {
  return async (csr) => {
    const metadata = { authorization: `Bearer ${readToken(options.tokenFile)}` };
    const call = { path: createCertificatePath, metadata, timeoutMillis: caTimeoutMillis };
    return decodeResponse(await options.grpc.unary(call, encodeRequest(csr)));
  };
}

/** At once: it is a kilobyte in memory, and what reads it later is 4 ms of a sidecar's start. */
export function readToken(file: string): string {
  return readFileSync(file, "utf8").trim();
}

/** The lifetime is left to the authority. */
function encodeRequest(csr: string): Uint8Array {
  return new WireWriter().string(1, csr).take();
}

/** A chain of more elements than this is no chain. */
const maxElements = 16;

function decodeResponse(message: Uint8Array): readonly string[] {
  const chain: string[] = [];
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.field === 1 && chain.length < maxElements) chain.push(reader.string());
  }
  return chain;
}
