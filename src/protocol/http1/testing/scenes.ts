/** Engines with a fake transport below, a peer across and a recording owner above. */
import type { RequestHead } from "../../exchange.ts";
import { createHttp1Client, type Http1Client } from "../client.ts";
import { defaultHttp1Limits, type Http1Limits } from "../limits.ts";
import { createHttp1Server, type Http1Server } from "../server.ts";
import { createHttp1Stats } from "../stats.ts";
import { FakeHost, inOnePiece, Peer, type Splitter } from "./fake-host.ts";
import { type Accepted, RecordingAcceptor } from "./recorder.ts";

export interface ServerScene {
  readonly peer: Peer;
  readonly host: FakeHost;
  readonly app: RecordingAcceptor;
  readonly engine: Http1Server;
}

export interface ClientScene {
  readonly peer: Peer;
  readonly host: FakeHost;
  readonly engine: Http1Client;
  /** What the owner was told: `idle` and `unusable`. */
  readonly told: string[];
}

/** A server connection; `answer` is called with each complete request. */
export function serve(
  answer?: (accepted: Accepted) => void,
  split: Splitter = inOnePiece,
  limits: Partial<Http1Limits> = {},
): ServerScene {
  const host = new FakeHost();
  const app = new RecordingAcceptor(answer);
  const engine = createHttp1Server(host, app, createHttp1Stats(), {
    ...defaultHttp1Limits,
    ...limits,
  });
  return { peer: new Peer(engine, host, split), host, app, engine };
}

/** A client connection. */
export function dial(split: Splitter = inOnePiece, limits: Partial<Http1Limits> = {}): ClientScene {
  const host = new FakeHost();
  const told: string[] = [];
  const owner = { onIdle: () => told.push("idle"), onUnusable: () => told.push("unusable") };
  const engine = createHttp1Client(host, owner, { ...defaultHttp1Limits, ...limits });
  return { peer: new Peer(engine, host, split), host, engine, told };
}

/** `GET /` to a.example, except for the given fields. */
export function request(fields: Partial<RequestHead> = {}): RequestHead {
  const usual = { method: "GET", scheme: "http", authority: "a.example", path: "/" };
  return { ...usual, protocol: "", headers: [], version: 11, ...fields };
}
