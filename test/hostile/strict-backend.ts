/** An application that reads exactly what the sidecar may write, and writes down each whole request. */
import { createServer, type Server, type Socket } from "node:net";

export interface Seen {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly body: string;
}

export interface StrictBackend {
  readonly server: Server;
  /** Whole requests in the order of their ends. */
  readonly seen: Seen[];
  /** What came that a sidecar must never write. */
  readonly faults: string[];
}

/** `report` is told of each whole request as well, before it is answered. */
export function createStrictBackend(report: (seen: Seen) => void = () => {}): StrictBackend {
  const seen: Seen[] = [];
  const faults: string[] = [];
  const record = (request: Seen): void => {
    seen.push(request);
    report(request);
  };
  const server = createServer((socket) => read(socket, record, faults));
  return { server, seen, faults };
}

function read(socket: Socket, record: (seen: Seen) => void, faults: string[]): void {
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    for (;;) {
      const result = readRequest(text);
      if (result === undefined) return;
      if (typeof result === "string") {
        faults.push(`${result}: ${JSON.stringify(text)}`);
        socket.destroy();
        return;
      }
      record(result.request);
      text = result.rest;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
  });
}

interface Read {
  readonly request: Seen;
  readonly rest: string;
}

function readRequest(text: string): Read | string | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const [, method, path] = /^([!-~]+) ([!-~]+) HTTP\/1\.1$/.exec(line) ?? [];
  if (method === undefined || path === undefined) return "request line";
  const values = new Map<string, string>();
  for (const field of fields) {
    const [, name, value] =
      /^([a-z0-9!#$%&'*+.^_`|~-]+): ([\t\x20-\x7e\x80-\xff]*)$/i.exec(field) ?? [];
    if (name === undefined || value === undefined) return "header line";
    const key = name.toLowerCase();
    if (values.has(key) && /^(?:host|content-length|transfer-encoding)$/.test(key)) return "twice";
    values.set(key, value);
  }
  const rest = text.slice(end + 4);
  const request = { method, path, authority: values.get("host") ?? "" };
  const coding = values.get("transfer-encoding");
  const length = values.get("content-length");
  if (coding !== undefined) {
    if (coding !== "chunked" || length !== undefined) return "framing";
    return readChunks(request, rest);
  }
  const size = Number(length ?? "0");
  if (!/^\d+$/.test(length ?? "0")) return "length";
  if (rest.length < size) return undefined;
  return { request: { ...request, body: rest.slice(0, size) }, rest: rest.slice(size) };
}

function readChunks(head: Omit<Seen, "body">, from: string): Read | string | undefined {
  let rest = from;
  let body = "";
  for (;;) {
    const end = rest.indexOf("\r\n");
    if (end === -1) return undefined;
    const line = rest.slice(0, end);
    if (!/^[0-9a-f]+$/i.test(line)) return "chunk size";
    const size = Number.parseInt(line, 16);
    rest = rest.slice(end + 2);
    if (size === 0) {
      if (rest.startsWith("\r\n")) return { request: { ...head, body }, rest: rest.slice(2) };
      const last = rest.indexOf("\r\n\r\n");
      if (last === -1) return undefined;
      return { request: { ...head, body }, rest: rest.slice(last + 4) };
    }
    if (rest.length < size + 2) return undefined;
    if (rest.slice(size, size + 2) !== "\r\n") return "chunk end";
    body += rest.slice(0, size);
    rest = rest.slice(size + 2);
  }
}
