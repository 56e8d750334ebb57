/** Asks the application what the kubelet would have asked it, from inside the pod. */
import type { Probe } from "../../api/kubernetes.ts";
import { parseIpBytes } from "../../core/address.ts";
import { seconds } from "../../core/duration.ts";
import type {
  Engine,
  EngineHost,
  HeaderList,
  MessageReader,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import { encodeMessage, PREFIX_LENGTH } from "../../protocol/grpc/message-framing.ts";
import { createHttp1Client } from "../../protocol/http1/client.ts";
import { createHttp2Client } from "../../protocol/http2/client.ts";
import { connectTcp, connectTlsUnverified } from "../transport/connect.ts";
import { Wire, type WireContext } from "../transport/wire.ts";

/** Gives undefined when the application is well, else what was wrong. */
export async function askApplication(
  probe: Probe,
  podIp: string,
  wires: WireContext,
): Promise<string | undefined> {
  const limit = seconds(probe.timeoutSeconds ?? 1);
  try {
    if (probe.httpGet !== undefined) return await askHttp(probe.httpGet, podIp, wires, limit);
    if (probe.grpc !== undefined) return await askGrpc(probe.grpc, podIp, wires, limit);
    const socket = await connectTcp({ ip: podIp, port: Number(probe.tcpSocket?.port) });
    socket.on("error", () => {});
    socket.destroy();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** As for the kubelet, any status from 200 to 399 is a success. */
async function askHttp(
  probe: NonNullable<Probe["httpGet"]>,
  podIp: string,
  wires: WireContext,
  limitMillis: number,
): Promise<string | undefined> {
  const address = { ip: probe.host ?? podIp, port: Number(probe.port) };
  if (parseIpBytes(address.ip) === undefined) address.ip = podIp;
  const tls = probe.scheme === "HTTPS";
  const socket = tls ? await connectTlsUnverified(address) : await connectTcp(address);
  const given = (probe.httpHeaders ?? []).flatMap(({ name, value }) => [name.toLowerCase(), value]);
  const host = given[given.indexOf("host") + 1];
  const headers = given.filter((_, index) => given[index - (index % 2)] !== "host");
  if (!headers.includes("user-agent")) headers.push("user-agent", "kube-probe/remora");
  const head: RequestHead = {
    method: "GET",
    scheme: tls ? "https" : "http",
    authority: given.includes("host") && host !== undefined ? host : `${podIp}:${address.port}`,
    path: probe.path ?? "/",
    protocol: "",
    headers,
    version: 11,
  };
  const answer = await exchange(
    new Wire(wires, upstream(socket), http1),
    head,
    undefined,
    limitMillis,
  );
  if (answer.status >= 200 && answer.status < 400) return undefined;
  return `${head.path} answered ${answer.status}`;
}

const servingStatus = 1;

/** grpc.health.v1.Health/Check: field 1 of the request is the service, field 1 of the response the status. */
async function askGrpc(
  probe: NonNullable<Probe["grpc"]>,
  podIp: string,
  wires: WireContext,
  limitMillis: number,
): Promise<string | undefined> {
  const socket = await connectTcp({ ip: podIp, port: probe.port });
  const service = Buffer.from(probe.service ?? "");
  const message = service.length === 0 ? service : Buffer.from([0x0a, service.length, ...service]);
  const head: RequestHead = {
    method: "POST",
    scheme: "http",
    authority: `${podIp}:${probe.port}`,
    path: "/grpc.health.v1.Health/Check",
    protocol: "",
    headers: ["content-type", "application/grpc", "te", "trailers"],
    version: 20,
  };
  const wire = new Wire(wires, upstream(socket), http2);
  const answer = await exchange(wire, head, encodeMessage(message), limitMillis);
  if (answer.grpcStatus !== "0") return `health check ended with gRPC status ${answer.grpcStatus}`;
  const response = answer.body.subarray(PREFIX_LENGTH);
  const status = response[0] === 0x08 ? response[1] : 0;
  return status === servingStatus ? undefined : `health check says ${status}, not SERVING`;
}

interface Answer {
  readonly status: number;
  readonly grpcStatus: string;
  readonly body: Buffer;
}

/** What of a body is looked at; the rest is read and dropped. */
const keptBodyBytes = 1_024;

async function exchange(
  wire: Wire<Engine & RequestOpener>,
  head: RequestHead,
  body: Buffer | undefined,
  limitMillis: number,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), limitMillis);
  const reader = new AnswerReader(resolve, (reset) => reject(new Error(reset.detail)));
  const writer = wire.engine.open(head, body === undefined, reader);
  reader.grant = (bytes) => writer.grant(bytes);
  if (body !== undefined) writer.data(body, true);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    wire.destroy();
  }
}

class AnswerReader implements MessageReader<ResponseHead> {
  grant: (bytes: number) => void = () => {};
  #status = 0;
  #grpcStatus = "";
  #body: Buffer = Buffer.alloc(0);
  readonly #resolve: (answer: Answer) => void;
  readonly onReset: (reset: Reset) => void;

  constructor(resolve: (answer: Answer) => void, onReset: (reset: Reset) => void) {
    this.#resolve = resolve;
    this.onReset = onReset;
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (head.status < 200) return;
    this.#status = head.status;
    this.#note(head.headers);
    if (end) this.#end();
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.#body.length < keptBodyBytes) this.#body = Buffer.concat([this.#body, chunk]);
    this.grant(chunk.length);
    if (end) this.#end();
  }

  onTrailers(headers: HeaderList): void {
    this.#note(headers);
    this.#end();
  }

  onCredit(): void {}

  #note(headers: HeaderList): void {
    const index = headers.indexOf("grpc-status");
    if (index >= 0) this.#grpcStatus = headers[index + 1] ?? "";
  }

  #end(): void {
    this.#resolve({ status: this.#status, grpcStatus: this.#grpcStatus, body: this.#body });
  }
}

function http1(host: EngineHost): Engine & RequestOpener {
  return createHttp1Client(host, { onIdle() {}, onUnusable() {} });
}

function http2(host: EngineHost): Engine & RequestOpener {
  return createHttp2Client(host, { onCapacity() {}, onDraining() {} });
}

function upstream(socket: Wire["socket"]): { socket: Wire["socket"]; side: "upstream" } {
  return { socket, side: "upstream" };
}
