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
import type { IssueRequest, IssueResult, RefusalCode } from "./issue.ts";
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

/** Answers each call by `issue`, and leaves one audit line and one count for it. */
export function createCertificateHandler(
  issue: (request: IssueRequest) => IssueResult,
  metrics: IdentityMetrics,
  log: Log,
): Handler {
  return (call, callback) => {
    const peer = call.getPeer();
    let result: IssueResult;
    try {
      result = issue(readRequest(call.request, call.metadata));
    } catch (error) {
      metrics.refused("internal");
      log.error({ err: error, peer }, "certificate request failed");
      callback({ code: status.INTERNAL, details: "internal" });
      return;
    }
    if (result.kind === "refused") {
      const { code, caller } = result;
      metrics.refused(code);
      log.info({ code, peer, ...caller }, "certificate refused");
      callback({ code: statusOf(code), details: code });
      return;
    }
    const { id, serial, caller, notAfter, chain } = result;
    metrics.issued();
    const until = new Date(notAfter).toISOString();
    log.info({ id, serial, notAfter: until, peer, ...caller }, "certificate issued");
    callback(null, create(IstioCertificateResponseSchema, { certChain: [...chain] }));
  };
}

function readRequest(request: IstioCertificateRequest, metadata: Metadata): IssueRequest {
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
  if (code.startsWith("token_")) return status.UNAUTHENTICATED;
  if (code.startsWith("csr_")) return status.INVALID_ARGUMENT;
  return code === "impersonation" ? status.PERMISSION_DENIED : status.UNAVAILABLE;
}
