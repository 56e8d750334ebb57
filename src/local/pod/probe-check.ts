/** One probe, asked once, from where the kubelet would ask: the host, at the pod's address. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { resolvePort } from "../../../injector/probes.ts";
import type { Container, Probe } from "../../api/kubernetes.ts";
import { checkGrpcHealth } from "./grpc-health.ts";

export type ProbeResult =
  | { readonly ok: true }
  /** The reason is a noun phrase such as `status 503` or `connection refused`. */
  | { readonly ok: false; readonly reason: string };

export interface ProbeTarget {
  readonly ip: string;
  readonly container: Container;
  /** Runs a command in the container and gives its exit code. */
  readonly exec: (command: readonly string[], signal: AbortSignal) => Promise<number>;
}

/** Never rejects: whatever goes wrong is a failed probe. */
export async function checkProbe(
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  try {
    if (probe.exec !== undefined) {
      const code = await target.exec(probe.exec.command, signal);
      return code === 0 ? { ok: true } : { ok: false, reason: `exit code ${code}` };
    }
    const asked = probe.httpGet ?? probe.tcpSocket ?? probe.grpc;
    if (asked === undefined) return { ok: false, reason: "a probe without a handler" };
    const port = resolvePort(asked.port, target.container.ports);
    if (port === undefined) return { ok: false, reason: `no port named "${asked.port}"` };
    if (probe.httpGet !== undefined) return await getHttp(probe.httpGet, target.ip, port, signal);
    if (probe.grpc !== undefined) {
      return await checkGrpcHealth(target.ip, port, probe.grpc.service ?? "", signal);
    }
    return await openTcp(probe.tcpSocket?.host ?? target.ip, port, signal);
  } catch (error) {
    return { ok: false, reason: describe(error) };
  }
}

/** Enough of a body to tell why: the sidecar's relay answers in one line. */
const maxReasonBytes = 200;

function getHttp(
  wanted: NonNullable<Probe["httpGet"]>,
  ip: string,
  port: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const send = wanted.scheme === "HTTPS" ? httpsRequest : httpRequest;
  const headers = (wanted.httpHeaders ?? []).flatMap(({ name, value }) => [name, value]);
  const hasHost = wanted.httpHeaders?.some(({ name }) => name.toLowerCase() === "host") === true;
  const host = wanted.host ?? ip;
  if (!hasHost) headers.push("Host", host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  headers.push("User-Agent", "kube-probe/remora", "Accept", "*/*", "Connection", "close");
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port,
      path: wanted.path ?? "/",
      headers,
      signal,
      agent: false as const,
    };
    // As for the kubelet, a certificate that nobody issued is good enough for a probe.
    const request = send({ ...options, rejectUnauthorized: false }, (response) => {
      const status = response.statusCode ?? 0;
      let body = "";
      response.setEncoding("latin1");
      response.on("data", (chunk: string) => {
        if (body.length < maxReasonBytes) body += chunk;
      });
      response.on("error", reject);
      response.on("close", () => {
        if (status >= 200 && status < 400) resolve({ ok: true });
        else resolve({ ok: false, reason: `status ${status}${firstLine(body)}` });
      });
    });
    request.on("error", reject);
    request.end();
  });
}

function openTcp(ip: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: ip, port, signal });
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.destroy();
      resolve({ ok: true });
    });
  });
}

function firstLine(body: string): string {
  const line = body.slice(0, maxReasonBytes).split("\n")[0]?.trim() ?? "";
  return line === "" ? "" : `: ${line}`;
}

function describe(error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (name === "AbortError" || name === "TimeoutError") return "no answer in time";
  if (code === "ECONNREFUSED") return "connection refused";
  return code ?? message;
}
