/** The standard gRPC health check (`grpc.health.v1.Health/Check`), as the kubelet asks it. */
import { Client, credentials } from "@grpc/grpc-js";
import type { ProbeResult } from "./probe-check.ts";

const statusNames = ["unknown", "serving", "not serving", "unknown service"] as const;

/** Rejects with the call's error when there is no answer. */
export async function checkGrpcHealth(
  ip: string,
  port: number,
  service: string,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const address = ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
  const client = new Client(address, credentials.createInsecure());
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        encodeRequest,
        decodeResponse,
        service,
        (error, value) => (error === null ? resolve(value ?? 0) : reject(error)),
      );
      signal.addEventListener("abort", () => call.cancel(), { once: true });
    });
    if (status === 1) return { ok: true };
    return { ok: false, reason: statusNames[status] ?? `status ${status}` };
  } finally {
    client.close();
  }
}

/** HealthCheckRequest: field 1, `service`, a string of less than 128 bytes as names are. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  return name.length === 0 ? name : Buffer.concat([Buffer.of(0x0a, name.length), name]);
}

/** HealthCheckResponse: field 1, `status`, an enum of one byte; absent means 0. */
function decodeResponse(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
}
