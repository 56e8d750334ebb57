/** The same request through grpc-js, for programs that have it anyway. Not for the sidecar's bundle. */

import type { SecureContext } from "node:tls";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import {
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from "../api/gen/istio-ca_pb.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import { verifyPeerLeaf } from "../protocol/x509/peer-leaf.ts";
import { caTimeoutMillis, createCertificatePath, readToken } from "./ca-client.ts";
import type { RequestCertificate } from "./credentials.ts";

export interface GrpcJsCaClientOptions {
  /** host:port */
  readonly address: string;
  /** Read for every request: the kubelet renews it. */
  readonly tokenFile: string;
  /** The newest anchors; a new connection is made for every request, which is once an hour. */
  readonly context: () => SecureContext;
  readonly trustDomain: string;
  /** The identity that the authority itself must have. */
  readonly authorityId: SpiffeId;
}

/** grpc-js always sends a server name, and Node refuses one that is an IP address; ours is checked by nobody. */
const serverName = "remora-identity";

export function createGrpcJsCaClient(options: GrpcJsCaClientOptions): RequestCertificate {
  const { address, tokenFile, trustDomain, authorityId } = options;
  return async (csr) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${readToken(tokenFile)}`);
    const channel = credentials.createFromSecureContext(options.context(), {
      // The chain has led to the bundle; the name that counts is the SPIFFE ID, not the host's.
      checkServerIdentity: (_host, certificate) => {
        const verdict = verifyPeerLeaf(certificate.raw, trustDomain);
        const found = verdict.kind === "accepted" ? verdict.id : verdict.reason;
        return found === authorityId ? undefined : new Error(`the authority is ${found}`);
      },
    });
    const client = new Client(address, channel, { "grpc.ssl_target_name_override": serverName });
    try {
      return await callUnary(client, csr, metadata);
    } finally {
      client.close();
    }
  };
}

function callUnary(client: Client, csr: string, metadata: Metadata): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      createCertificatePath,
      (text: string) =>
        Buffer.from(
          toBinary(
            IstioCertificateRequestSchema,
            create(IstioCertificateRequestSchema, { csr: text }),
          ),
        ),
      (bytes: Buffer): IstioCertificateResponse =>
        fromBinary(IstioCertificateResponseSchema, bytes),
      csr,
      metadata,
      { deadline: Date.now() + caTimeoutMillis },
      (error, response) => {
        if (error !== null) reject(error);
        else resolve(response?.certChain ?? []);
      },
    );
  });
}
