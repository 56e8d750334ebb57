/** `istio.v1.auth.IstioCertificateService` on grpc-js: messages in, messages and gRPC statuses out. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type handleUnaryCall, type Metadata, type ServiceDefinition, status } from "@grpc/grpc-js";
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from "../api/gen/istio-ca_pb.ts";
import type { Log } from "../core/log.ts";
import type { CertificateRequest } from "./answer.ts";
import type { IssueResult, RefusalCode } from "./issue.ts";
import type { IdentityMetrics } from "./metrics.ts";

type Handler = handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse>;

export const certificateServiceDefinition: ServiceDefinition<{ createCertificate: Handler }> = {
  createCertificate: {
    path: "/istio.v1.auth.IstioCertificateService/CreateCertificate",
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: IstioCertificateRequest) =>
      Buffer.from(toBinary(IstioCertificateRequestSchema, value)),
    requestDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateRequestSchema, bytes),
    responseSerialize: (value: IstioCertificateResponse) =>
      Buffer.from(toBinary(IstioCertificateResponseSchema, value)),
    responseDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateResponseSchema, bytes),
  },
};

/** Answers each call by `answer`, and leaves one audit line and one count for it. */
export function createCertificateHandler(
  answer: (request: CertificateRequest) => Promise<IssueResult>,
  metrics: IdentityMetrics,
  log: Log,
): Handler {
  return (call, callback) => {
    void reply(answer, call, { metrics, log }).then(({ error, response }) =>
      // oxlint-disable-next-line promise/no-callback-in-promise -- grpc-js has no other way to answer
      callback(error, response),
    );
  };
}

interface Reply {
  readonly error: { readonly code: status; readonly details: string } | null;
  readonly response?: IstioCertificateResponse;
}

async function reply(
  answer: (request: CertificateRequest) => Promise<IssueResult>,
  call: Parameters<Handler>[0],
  { metrics, log }: { readonly metrics: IdentityMetrics; readonly log: Log },
): Promise<Reply> {
  const peer = call.getPeer();
  try {
    const result = await answer(readRequest(call.request, call.metadata));
    if (result.kind === "refused") {
      const { code, caller } = result;
      metrics.refused(code);
      log.info({ code, peer, ...caller }, "certificate refused");
      return { error: { code: statusOf(code), details: code } };
    }
    const { id, serial, caller, notAfter, chain } = result;
    metrics.issued(result.issuer, notAfter);
    const until = new Date(notAfter).toISOString();
    log.info({ id, serial, notAfter: until, peer, ...caller }, "certificate issued");
    const response = create(IstioCertificateResponseSchema, { certChain: [...chain] });
    return { error: null, response };
  } catch (error) {
    metrics.refused("internal");
    log.error({ err: error, peer }, "certificate request failed");
    return { error: { code: status.INTERNAL, details: "internal" } };
  }
}

function readRequest(request: IstioCertificateRequest, metadata: Metadata): CertificateRequest {
  const impersonated = request.metadata?.["ImpersonatedIdentity"];
  return {
    authorization: metadata.get("authorization").map(String),
    csr: request.csr,
    validitySeconds: Number(request.validityDuration),
    // Istio's clients may send the key with nothing in it.
    impersonates: impersonated !== undefined && impersonated !== "" && impersonated !== null,
  };
}

function statusOf(code: RefusalCode): status {
  // Not the caller's fault: it shall try again.
  if (code === "token_unconfirmed") return status.UNAVAILABLE;
  if (code.startsWith("token_")) return status.UNAUTHENTICATED;
  if (code.startsWith("csr_")) return status.INVALID_ARGUMENT;
  return code === "impersonation" ? status.PERMISSION_DENIED : status.UNAVAILABLE;
}
