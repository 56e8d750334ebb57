/** The one place that reads the codes of Node's socket and TLS errors. */
import {
  type ErrorCode,
  type ErrorSide,
  MeshError,
  type RetryRule,
} from "../../core/mesh-error.ts";

interface Translation {
  readonly code: ErrorCode;
  readonly retry: RetryRule;
}

const errnoTable: Readonly<Record<string, Translation>> = {
  ECONNREFUSED: { code: "connect_refused", retry: "unprocessed" },
  EHOSTUNREACH: { code: "connect_refused", retry: "unprocessed" },
  ENETUNREACH: { code: "connect_refused", retry: "unprocessed" },
  EHOSTDOWN: { code: "connect_refused", retry: "unprocessed" },
  EADDRNOTAVAIL: { code: "overloaded", retry: "unprocessed" },
  EMFILE: { code: "overloaded", retry: "unprocessed" },
  ENFILE: { code: "overloaded", retry: "unprocessed" },
  ENOBUFS: { code: "overloaded", retry: "unprocessed" },
  ETIMEDOUT: { code: "connect_timeout", retry: "unprocessed" },
};

/** Translates an error raised while connecting, TLS handshake included. */
export function connectError(error: unknown, detail: string): MeshError {
  if (error instanceof MeshError) return error;
  const { code, message } = facts(error);
  const known = errnoTable[code];
  const about = {
    side: "upstream",
    scope: "connection",
    retry: "unprocessed",
    cause: error,
  } as const;
  if (known !== undefined) return new MeshError(known.code, `${detail}: ${code}`, about);
  if (isCertificateError(code)) {
    return new MeshError("certificate_rejected", `${detail}: ${code}`, about);
  }
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || code === "ECONNRESET") {
    return new MeshError("handshake_failed", `${detail}: ${code}`, about);
  }
  return new MeshError("connect_refused", `${detail}: ${code || message}`, about);
}

/**
 * Translates what ended the handshake of a client. Of a certificate that does not hold Node tells in `verdict`, and says
 * that the client hung up.
 */
export function handshakeError(error: unknown, verdict: unknown): MeshError {
  const { code, message } = facts(error);
  const reason = typeof verdict === "string" ? verdict : code || message;
  return new MeshError(
    isCertificateError(reason) ? "certificate_rejected" : "handshake_failed",
    `no TLS session: ${reason}`,
    { side: "downstream", scope: "connection", cause: error },
  );
}

/** Translates the error that ended an established connection. */
export function connectionError(error: unknown, side: ErrorSide): MeshError {
  if (error instanceof MeshError) return error;
  const { code, message } = facts(error);
  const meshCode = side === "upstream" ? "upstream_reset" : "downstream_closed";
  return new MeshError(meshCode, code || message, { side, scope: "connection", cause: error });
}

function facts(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  const code = (error as NodeJS.ErrnoException).code;
  return { code: typeof code === "string" ? code : "", message: error.message };
}

/** OpenSSL's verification results come as names such as CERT_HAS_EXPIRED or SELF_SIGNED_CERT_IN_CHAIN. */
function isCertificateError(code: string): boolean {
  return code.includes("CERT") || code.startsWith("UNABLE_TO_") || code.includes("ISSUER");
}
