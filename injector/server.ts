/** The webhook's HTTPS port: API servers speak HTTP/2 to it, anybody else may speak HTTP/1. */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { SecureContextOptions, TLSSocket } from "node:tls";
import type { SocketAddress } from "../src/core/address.ts";
import type { Clock } from "../src/core/clock.ts";
import { millis, seconds } from "../src/core/duration.ts";
import type { Log } from "../src/core/log.ts";
import type { Watch } from "../src/core/watch.ts";
import type { NamespaceAnnotations } from "./cluster/namespaces.ts";
import type { InjectorMetrics } from "./metrics.ts";
import { type BodyBudget, type RequestBody, readBody } from "./request-body.ts";
import {
  answerReview,
  namespaceOfPod,
  type ReviewFacts,
  type ReviewOptions,
  type ReviewRequest,
  readReview,
} from "./review.ts";
import type { ServingCertificate } from "./serving-certificate.ts";

export interface WebhookOptions extends ReviewOptions {
  readonly listen: SocketAddress;
  readonly certificate: Watch<ServingCertificate>;
  /** Undefined where no API server is asked: then only pods are tuned. */
  readonly namespaces: NamespaceAnnotations | undefined;
  /** Hears of every answer after it was given. */
  readonly onReviewed: (facts: ReviewFacts) => void;
  readonly metrics: InjectorMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Webhook {
  readonly port: number;
  /** Accepts nobody new, lets running reviews end, and closes every connection. */
  close(): Promise<void>;
}

/** etcd takes objects up to 1.5 MB; a review holds one, or two, with the old object. */
const maxBodyBytes = 4 * 1024 * 1024;
/** Sixteen of the largest at once: more than a cluster of pods sends, less than the program's memory. */
const maxBytesInFlight = 64 * 1024 * 1024;
/** The webhook's own timeout: nobody waits for an answer after it. */
const requestTime = seconds(5);
/** API servers keep a few connections each; idle ones are theirs to open again. */
const maxConnections = 1_000;
const idleTime = millis(300_000);
/** API servers need a handful, also where all of them come by one address; nobody alone can take all there are. */
const maxConnectionsOfAddress = 100;
/** A handshake takes milliseconds; who is slower holds a place for nothing. */
const handshakeTime = seconds(5);

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** Rejects when the address cannot be bound. */
export async function listenWebhook(options: WebhookOptions): Promise<Webhook> {
  const { certificate, metrics } = options;
  const budget: BodyBudget = { free: maxBytesInFlight };
  const server = createSecureServer({
    ...tlsOptions(certificate.current()),
    allowHTTP1: true,
    handshakeTimeout: handshakeTime,
    maxHeaderListPairs: 100,
    settings: { maxConcurrentStreams: 100 },
  });
  server.maxConnections = maxConnections;
  server.setTimeout(idleTime);
  limitByAddress(server, metrics);
  server.on("tlsClientError", (error) => options.log.debug({ err: error }, "handshake failed"));
  server.on("sessionError", (error) => options.log.debug({ err: error }, "connection failed"));
  server.on("request", (request: Request, response: Response) => {
    void serve(request, response, options, budget);
  });
  const connections = trackConnections(server);
  // Connections that are there keep the certificate that they were opened with.
  const stop = certificate.subscribe((next) => {
    server.setSecureContext(tlsOptions(next));
    metrics.setCertificateEnd(next.notAfter);
  });
  metrics.setCertificateEnd(certificate.current().notAfter);
  await bind(server, options.listen);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.drain(options.clock);
      await closed;
    },
  };
}

function tlsOptions(pair: ServingCertificate): SecureContextOptions {
  return { cert: pair.certPem, key: pair.keyPem, minVersion: "TLSv1.2" };
}

/** A stranger in the cluster can reach the port, and without the webhook no pod of the mesh is made. */
function limitByAddress(server: Http2SecureServer, metrics: InjectorMetrics): void {
  const open = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (open.get(address) ?? 0) + 1;
    if (count > maxConnectionsOfAddress) {
      metrics.connectionRefused();
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}

interface Connections {
  drain(clock: Clock): void;
}

/** Sockets end when their reviews have; at the latest when a review's time is over. */
function trackConnections(server: Http2SecureServer): Connections {
  const running = new Map<TLSSocket, number>();
  const sessions = new Set<ServerHttp2Session>();
  let draining = false;
  const endIfIdle = (socket: TLSSocket): void => {
    if (draining && running.get(socket) === 0) socket.destroySoon();
  };
  server.on("secureConnection", (socket) => {
    running.set(socket, 0);
    socket.once("close", () => running.delete(socket));
    endIfIdle(socket);
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.on("request", (request, response) => {
    const session = request.stream?.session;
    // A session hides the socket behind a proxy object, and closes it by itself.
    if (session !== undefined) return;
    const socket = request.socket as TLSSocket;
    running.set(socket, (running.get(socket) ?? 0) + 1);
    if (draining) response.setHeader("connection", "close");
    response.once("close", () => {
      if (!running.has(socket)) return;
      running.set(socket, (running.get(socket) ?? 1) - 1);
      endIfIdle(socket);
    });
  });
  return {
    drain(clock) {
      draining = true;
      for (const session of sessions) session.close();
      for (const socket of running.keys()) {
        if (socket.alpnProtocol !== "h2") endIfIdle(socket);
      }
      clock.after(requestTime, () => {
        for (const socket of running.keys()) socket.destroy();
      });
    },
  };
}

async function serve(
  request: Request,
  response: Response,
  options: WebhookOptions,
  budget: BodyBudget,
): Promise<void> {
  // A client that goes away is no error of ours.
  response.on("error", () => undefined);
  const stopDeadline = options.clock.after(requestTime, () => {
    options.metrics.rejected(408);
    response.destroy();
  });
  response.once("close", stopDeadline);
  const refusal = refuseEarly(request);
  if (refusal !== undefined) {
    request.on("error", () => undefined).resume();
    return reject(response, refusal, options);
  }
  const body = await readBody(request, maxBodyBytes, budget);
  if (body.kind !== "whole") return reject(response, bodyStatus[body.kind], options);
  const review = readReview(body.bytes);
  if (typeof review === "string") return reject(response, 400, options, review);
  try {
    await answer(response, review, options);
  } catch (error) {
    options.log.error({ err: error }, "review failed");
    reject(response, 500, options);
  }
}

const bodyStatus: Readonly<Record<Exclude<RequestBody["kind"], "whole">, number>> = {
  too_large: 413,
  no_room: 503,
  cut: 400,
};

function refuseEarly(request: Request): number | undefined {
  if (request.url?.split("?", 1)[0] !== "/inject") return 404;
  if (request.method !== "POST") return 405;
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  return type === "application/json" ? undefined : 415;
}

const sentences: Readonly<Record<number, string>> = {
  400: "the request cannot be understood",
  404: "only /inject is served",
  405: "only POST is served",
  413: `the body is larger than ${maxBodyBytes} bytes`,
  415: "the content type must be application/json",
  500: "the review failed; the log says why",
  503: "too many reviews at once",
};

function reject(
  response: Response,
  status: number,
  options: WebhookOptions,
  sentence: string = sentences[status] ?? "",
): void {
  options.metrics.rejected(status);
  options.log.warn({ status, detail: sentence }, "request rejected");
  send(response, status, "text/plain; charset=utf-8", `${sentence}\n`);
}

async function answer(
  response: Response,
  request: ReviewRequest,
  options: WebhookOptions,
): Promise<void> {
  const begin = options.clock.now();
  const namespace = namespaceOfPod(request);
  const annotations = namespace && (await options.namespaces?.find(namespace));
  const { review, ...facts } = answerReview(request, annotations || undefined, options);
  send(response, 200, "application/json", JSON.stringify(review));
  options.metrics.reviewed(facts, (options.clock.now() - begin) / 1_000);
  const { owner, ...printable } = facts;
  const by = owner === undefined ? {} : { owner: `${owner.kind} ${owner.name}` };
  options.log.info({ ...printable, ...by }, "reviewed");
  options.onReviewed(facts);
}

function send(response: Response, status: number, type: string, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  response.setHeader("content-type", type);
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

function bind(server: Http2SecureServer, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.ip, port: address.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
