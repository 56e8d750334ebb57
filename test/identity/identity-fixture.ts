/** A real identity service on loopback with a directory of its own, and callers of it. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { pino } from "pino";
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
} from "../../src/api/gen/istio-ca_pb.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { seconds } from "../../src/core/duration.ts";
import type { Log } from "../../src/core/log.ts";
import { type RunningIdentity, startIdentity } from "../../src/identity/app.ts";
import { readIdentityConfig } from "../../src/identity/config.ts";
import { certificateServiceDefinition } from "../../src/identity/grpc-service.ts";
import {
  createTokenSigner,
  type TokenRequest,
  type TokenSigner,
} from "../../src/identity/local-issuer.ts";
import { createCsr } from "../../src/protocol/x509/csr-request.ts";

export interface IdentityFixture {
  readonly directory: string;
  readonly service: RunningIdentity;
  readonly signer: TokenSigner;
  /** Every log line so far. */
  readonly logLines: () => readonly string[];
  token(request?: Partial<TokenRequest>): string;
  /** A client of the service; closed with the fixture. */
  dial(): Client;
  close(): Promise<void>;
}

export interface FixtureOptions {
  readonly directory?: string;
  readonly clock?: Clock;
  readonly environment?: Readonly<Record<string, string>>;
}

export const webId = "spiffe://cluster.local/ns/shop/sa/web";

export async function startFixture(options: FixtureOptions = {}): Promise<IdentityFixture> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "remora-identity-"));
  const signer = createTokenSigner(join(directory, "tokens"));
  const { log, lines } = collectLog();
  const config = readIdentityConfig(environmentOf(directory, signer, options.environment));
  const service = await startIdentity(config, { clock: options.clock ?? systemClock, log });
  const clients: Client[] = [];
  return {
    directory,
    service,
    signer,
    logLines: lines,
    token: (request = {}) => signer.sign({ ...webToken, ...request }),
    dial() {
      const client = dialIdentity(service.port, service.rootPem);
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await service.close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

const webToken: TokenRequest = {
  namespace: "shop",
  serviceAccount: "web",
  podName: "web-1",
  podUid: "7f3c",
  audience: "remora",
  lifetime: seconds(600),
};

/** The settings of a service that keeps everything in one directory and listens on free ports. */
export function environmentOf(
  directory: string,
  signer: TokenSigner,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    REMORA_IDENTITY_LISTEN: "127.0.0.1:0",
    REMORA_IDENTITY_METRICS_LISTEN: "127.0.0.1:0",
    REMORA_IDENTITY_CA_DIR: join(directory, "ca"),
    REMORA_IDENTITY_JWKS_FILE: signer.jwksFile,
    REMORA_IDENTITY_TOKEN_ISSUER: signer.issuer,
    REMORA_IDENTITY_BUNDLE_FILE: join(directory, "bundle", "ca.pem"),
    ...more,
  };
}

export function dialIdentity(port: number, rootPem: string): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(rootPem)), {
    "grpc.ssl_target_name_override": "remora-identity.remora-system.svc",
  });
}

export function makeCsr(uri: string = webId): { readonly csr: string; readonly keyPem: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" });
  return { csr: createCsr(privateKey, uri), keyPem };
}

export interface CallOptions {
  readonly token?: string;
  readonly metadata?: Metadata;
  readonly request?: Partial<Omit<IstioCertificateRequest, "$typeName" | "$unknown">>;
}

/** The chain, or the error of grpc-js. */
export function callIdentity(client: Client, options: CallOptions): Promise<readonly string[]> {
  const { path, requestSerialize, responseDeserialize } =
    certificateServiceDefinition.createCertificate;
  const metadata = options.metadata ?? new Metadata();
  if (options.token !== undefined) metadata.set("authorization", `Bearer ${options.token}`);
  const request = create(IstioCertificateRequestSchema, {
    csr: makeCsr().csr,
    ...options.request,
  });
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: IstioCertificateResponse): void => {
      if (error !== null) reject(error);
      else resolve(response?.certChain ?? []);
    };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, done);
  });
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error;
}

/** The name of the status that the call failed with, and its message. */
export async function failureOf(call: Promise<unknown>): Promise<readonly [string, string]> {
  try {
    await call;
  } catch (error) {
    if (isServiceError(error)) return [status[error.code], error.details];
    throw error;
  }
  return ["OK", ""];
}

export function collectLog(): { readonly log: Log; readonly lines: () => readonly string[] } {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.on("data", (chunk: Buffer) => void chunks.push(chunk.toString()));
  const log = pino({ level: "trace" }, stream);
  return { log, lines: () => chunks.join("").split("\n").filter(Boolean) };
}

export function readText(file: string): string {
  return readFileSync(file, "utf8");
}
