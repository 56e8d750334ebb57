/** Requests to the API server on plain paths: JSON in, JSON out, and answers that go on line by line. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { type Millis, seconds } from "../core/duration.ts";
import { type ConnectionOptions, openConnection } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { createLineSplitter } from "./line-splitter.ts";

export interface KubernetesRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Such as `/api/v1/namespaces/shop/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Default `application/json`; of a PATCH it says which kind of patch it is. */
  readonly contentType?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  /** Until the whole answer is there; default 30 s. Of a stream: until it begins. */
  readonly timeout?: Millis;
  readonly signal?: AbortSignal;
}

export interface KubernetesClient {
  /** The namespace of the kubeconfig's context; in a pod the pod's own. */
  readonly namespace: string | undefined;
  /** The answer's body; an empty one is undefined. Throws a KubernetesError. */
  request<T>(request: KubernetesRequest): Promise<T>;
  /** Calls back per line, resolves when the API server ends the answer, and throws a KubernetesError otherwise. */
  stream(request: KubernetesRequest, handlers: StreamHandlers): Promise<void>;
  close(): void;
}

export interface StreamHandlers {
  /** The API server has agreed; lines may take long to come. */
  readonly onOpen: () => void;
  readonly onLine: (line: string) => void;
}

/** A page of 500 large pods takes some 10 MB; more is nothing that we asked for. */
const maxBodyBytes = 64 * 1024 * 1024;
const defaultTimeout = seconds(30);

/** Throws when there is no API server to be found; does not speak to it yet. */
export function createKubernetesClient(options: ConnectionOptions = {}): KubernetesClient {
  const connection = openConnection(options);
  const open = async (request: KubernetesRequest): Promise<IncomingMessage> => {
    const response = await send(request, connection.server, await connection.requestOptions());
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    // A token may be replaced and its predecessor taken back before its minute is over.
    if (status === 401) connection.reload();
    throw await readError(request, response);
  };
  return {
    namespace: connection.namespace,
    async request<T>(request: KubernetesRequest): Promise<T> {
      const limit = AbortSignal.timeout(request.timeout ?? defaultTimeout);
      const signal =
        request.signal === undefined ? limit : AbortSignal.any([limit, request.signal]);
      try {
        const text = await readBody(await open({ ...request, signal }));
        return (text === "" ? undefined : JSON.parse(text)) as T;
      } catch (error) {
        throw explain(request, error);
      }
    },
    async stream(request, { onOpen, onLine }) {
      const limit = new AbortController();
      const timer = setTimeout(
        () => limit.abort(timeoutError()),
        request.timeout ?? defaultTimeout,
      );
      const { signal } = request;
      const all = signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]);
      try {
        const response = await open({ ...request, signal: all });
        clearTimeout(timer);
        onOpen();
        const splitter = createLineSplitter(onLine);
        for await (const chunk of response) splitter.push(chunk as Buffer);
      } catch (error) {
        throw explain(request, error);
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => connection.close(),
  };
}

function send(
  request: KubernetesRequest,
  server: URL,
  options: RequestOptions,
): Promise<IncomingMessage> {
  const { method, path, query = {}, body, contentType = "application/json", signal } = request;
  const base = server.pathname.replace(/\/$/, "");
  const search = new URLSearchParams(query).toString();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const target: RequestOptions = {
    ...options,
    method,
    hostname: server.hostname.replace(/^\[|\]$/g, ""),
    port: server.port === "" ? (server.protocol === "http:" ? 80 : 443) : server.port,
    path: `${base}${path}${search === "" ? "" : `?${search}`}`,
    headers: {
      ...(options.headers as Record<string, string> | undefined),
      accept: request.accept ?? "application/json",
      "user-agent": "remora",
      ...(text === undefined
        ? {}
        : { "content-type": contentType, "content-length": Buffer.byteLength(text) }),
    },
    ...(signal === undefined ? {} : { signal }),
  };
  const call: ClientRequest = (server.protocol === "http:" ? httpRequest : httpsRequest)(target);
  return new Promise((resolve, reject) => {
    call.once("response", resolve);
    call.on("error", reject);
    // A peer that is gone without a word is noticed by the kernel, 10 s after this delay.
    call.once("socket", (socket) => socket.setKeepAlive(true, 15_000));
    call.end(text);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) throw new Error(`answer of more than ${maxBodyBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The API server explains itself in a Status object; what stands before it may not. */
async function readError(
  request: KubernetesRequest,
  response: IncomingMessage,
): Promise<KubernetesError> {
  const status = response.statusCode ?? 0;
  const text = await readBody(response).catch(() => "");
  let told: { readonly reason?: string; readonly message?: string } = {};
  try {
    told = JSON.parse(text) as typeof told;
  } catch {
    told = { message: text.slice(0, 200) };
  }
  const message = `${request.method} ${request.path}: ${status} ${told.message ?? ""}`.trimEnd();
  const wait = Number(response.headers["retry-after"]);
  return new KubernetesError(message, {
    status,
    reason: told.reason ?? "Unknown",
    ...(wait > 0 ? { retryAfter: seconds(Math.min(wait, maxRetryAfter)) } : {}),
  });
}

/** Seconds; who asks us to wait for longer is asked again all the same. */
const maxRetryAfter = 60;

function explain(request: KubernetesRequest, error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  const timedOut = request.signal?.aborted !== true && isTimeout(error);
  const message = error instanceof Error ? error.message : String(error);
  return new KubernetesError(`${request.method} ${request.path}: ${message}`, {
    status: 0,
    reason: timedOut ? "Timeout" : "Unreachable",
    cause: error,
  });
}

function isTimeout(error: unknown): boolean {
  const cause = error instanceof Error && error.name === "AbortError" ? error.cause : error;
  return cause instanceof DOMException && cause.name === "TimeoutError";
}

function timeoutError(): DOMException {
  return new DOMException("no answer in time", "TimeoutError");
}
