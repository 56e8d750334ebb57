/** The commands' side of a running mesh's socket. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type {
  ApplyRequest,
  ApplyResult,
  ExecRequest,
  PodSummary,
  ReadyResult,
  Refusal,
} from "../local/api/messages.ts";
import { socketName } from "../local/api/server.ts";
import { findMeshOwner, listMeshes, stateRoot } from "../local/sandbox/state.ts";
import { UserError } from "../local/user-error.ts";
import type { Environment } from "./command.ts";

/** The name that a mesh has when nobody gives it one. */
export const defaultMeshName = "default";

export interface MeshClient {
  readonly name: string;
  pods(): Promise<readonly PodSummary[]>;
  ready(timeoutMillis: number): Promise<ReadyResult>;
  apply(request: ApplyRequest): Promise<ApplyResult>;
  delete(target: string, namespace: string | undefined): Promise<string>;
  logs(query: Readonly<Record<string, string | undefined>>): Promise<IncomingMessage>;
  exec(request: ExecRequest): Promise<Duplex>;
  stop(): Promise<void>;
}

/** Finds the mesh by its name, or the only one that runs; throws a UserError when there is no single one. */
export function findMesh(name: string | undefined, environment: Environment): MeshClient {
  const root = stateRoot(environment);
  const wanted = name ?? environment["REMORA_MESH"] ?? onlyMesh(root);
  if (findMeshOwner(root, wanted) === undefined) {
    const which = wanted === defaultMeshName ? "no mesh" : `no mesh named ${wanted}`;
    throw new UserError(`${which} is running`, "start one with: remora up -f DIR");
  }
  return connectMesh(root, wanted);
}

/** A client of the mesh, whether or not it runs already. */
export function connectMesh(root: string, name: string): MeshClient {
  const socketPath = join(root, name, socketName);
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    callJson({ socketPath, method, path }, body);
  return {
    name,
    pods: async () => (await call("GET", "/pods")) as readonly PodSummary[],
    ready: async (timeout) => (await call("GET", `/ready?timeout=${timeout}`)) as ReadyResult,
    apply: async (request) => (await call("POST", "/apply", request)) as ApplyResult,
    delete: async (target, namespace) => {
      const answer = await call("DELETE", `/pods?${formatQuery({ target, namespace })}`);
      return (answer as { deleted: string }).deleted;
    },
    logs: (query) => open({ socketPath, method: "GET", path: `/logs?${formatQuery(query)}` }),
    exec: (request) => openExec(socketPath, request),
    stop: async () => void (await call("POST", "/stop")),
  };
}

function onlyMesh(root: string): string {
  const running = listMeshes(root).filter((mesh) => findMeshOwner(root, mesh) !== undefined);
  const [first = defaultMeshName, ...others] = running;
  if (others.length > 0 && !running.includes(defaultMeshName)) {
    throw new UserError(
      `several meshes are running: ${running.join(", ")}`,
      "say which one with --name MESH",
    );
  }
  return running.includes(defaultMeshName) ? defaultMeshName : first;
}

interface Call {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
}

async function callJson(call: Call, body?: unknown): Promise<unknown> {
  const response = await open(call, body);
  return JSON.parse(await readText(response));
}

function open(call: Call, body?: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...call, agent: false }, (response) => {
      if ((response.statusCode ?? 500) < 300) {
        resolve(response);
        return;
      }
      readText(response)
        .then((text) => {
          const { error, hint } = JSON.parse(text) as Refusal;
          throw new UserError(error, hint);
        })
        .catch(reject);
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const gone = ["ENOENT", "ECONNREFUSED", "ECONNRESET"].includes(error.code ?? "");
      reject(gone ? new UserError("the mesh does not answer; it is starting or ending") : error);
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function openExec(socketPath: string, wanted: ExecRequest): Promise<Duplex> {
  const path = `/exec?${formatQuery({ request: JSON.stringify(wanted) })}`;
  return new Promise((resolve, reject) => {
    const headers = { connection: "Upgrade", upgrade: "exec" };
    const request = httpRequest({ socketPath, path, headers, agent: false });
    request.on("upgrade", (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.on("error", reject);
    request.end();
  });
}

function formatQuery(query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined;
  });
  return new URLSearchParams(given).toString();
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
