import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../core/mesh-error.ts";
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import { Relay, type RelayOwner } from "./relay.ts";

/** Notes every call as one line of text. */
class Recorder implements MessageWriter<ResponseHead & RequestHead> {
  readonly lines: string[] = [];
  /** The error codes of HTTP/2. */
  readonly resetCodes: number[] = [];
  head(head: ResponseHead | RequestHead, end: boolean): void {
    const what = "status" in head ? `${head.status} ${head.headers.join(" ")}`.trim() : head.method;
    this.lines.push(`head ${what}${end ? " end" : ""}`);
  }
  data(chunk: Uint8Array, end: boolean): void {
    this.lines.push(`data ${Buffer.from(chunk).toString()}${end ? " end" : ""}`);
  }
  trailers(headers: HeaderList): void {
    this.lines.push(`trailers ${headers.join(" ")}`);
  }
  reset(reset: Reset): void {
    this.lines.push(`reset ${reset.code}`);
    this.resetCodes.push(reset.http2Code);
  }
  grant(bytes: number): void {
    this.lines.push(`grant ${bytes}`);
  }
}

class FakeUpstream implements RequestOpener {
  readonly capacity = 1;
  readonly up = new Recorder();
  reader: MessageReader<ResponseHead> | undefined;
  open(head: RequestHead, end: boolean, reader: MessageReader<ResponseHead>): Recorder {
    this.reader = reader;
    this.up.lines.push(`open ${head.method} ${head.path}${end ? " end" : ""}`);
    return this.up;
  }
}

interface Scene {
  readonly relay: Relay;
  readonly down: Recorder;
  readonly upstream: FakeUpstream;
  readonly ended: Relay[];
  retries: number;
}

function scene(overrides: Partial<RequestHead> = {}, end = true, retry = false): Scene {
  const down = new Recorder();
  const ended: Relay[] = [];
  const upstream = new FakeUpstream();
  const owner: RelayOwner = {
    connectFailed: () => assert.fail("nothing is dialled here"),
    onEnd: (relay) => void ended.push(relay),
    onResponse() {},
    retry() {
      result.retries += 1;
      return retry;
    },
  };
  const head: RequestHead = {
    method: "GET",
    scheme: "http",
    authority: "shop",
    path: "/",
    protocol: "",
    headers: [],
    version: 11,
    ...overrides,
  };
  const relay = new Relay(head, end, down, owner, 0);
  const result: Scene = { relay, down, upstream, ended, retries: 0 };
  return result;
}

const text = (value: string): Buffer => Buffer.from(value);
const cut: Reset = { code: "upstream_reset", http2Code: 2, detail: "cut", unprocessed: false };

test("a request waits for its upstream and is passed on in order", () => {
  const { relay, upstream } = scene({ method: "POST" }, false);
  relay.request.onData(text("one"), false);
  relay.request.onData(text("two"), true);
  relay.connect(upstream);
  assert.deepEqual(upstream.up.lines, ["open POST /", "data one", "data two", "data  end"]);
});

test("trailers of a waiting request are kept", () => {
  const { relay, upstream } = scene({ method: "POST" }, false);
  relay.request.onTrailers(["x-sum", "1"]);
  relay.connect(upstream);
  assert.deepEqual(upstream.up.lines, ["open POST /", "trailers x-sum 1"]);
});

test("a response goes down as it comes, and the exchange ends once", () => {
  const { relay, upstream, down, ended } = scene();
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 103, headers: ["link", "a"] }, false);
  upstream.reader?.onHead({ status: 200, headers: [] }, false);
  upstream.reader?.onData(text("body"), false);
  upstream.reader?.onTrailers(["grpc-status", "5"]);
  assert.deepEqual(down.lines, [
    "head 103 link a",
    "head 200",
    "data body",
    "trailers grpc-status 5",
  ]);
  assert.equal(ended.length, 1);
  assert.equal(relay.status, 200);
  assert.equal(relay.grpcStatus, "5");
});

test("credit runs against the data", () => {
  const { relay, upstream, down } = scene({ method: "POST" }, false);
  relay.connect(upstream);
  relay.request.onData(text("four"), false);
  upstream.reader?.onCredit(4);
  relay.request.onCredit(7);
  assert.ok(down.lines.includes("grant 4"));
  assert.ok(upstream.up.lines.includes("grant 7"));
});

test("a failure before the response is answered with its status and Proxy-Status", () => {
  const { relay, down, ended } = scene();
  relay.fail(new MeshError("connect_refused", 'connect to "x"'));
  assert.deepEqual(down.lines, [
    'head 502 content-length 0 proxy-status remora; error=connection_refused; details="connect_refused: connect to \\"x\\"" end',
  ]);
  assert.equal(ended[0]?.fault?.code, "connect_refused");
});

test("a gRPC call that fails before its response gets a trailers-only answer", () => {
  const { relay, down } = scene({ headers: ["content-type", "application/grpc+proto"] });
  relay.fail(new MeshError("no_endpoint", "none"));
  assert.match(down.lines[0] ?? "", /^head 200 content-type application\/grpc grpc-status 14 /);
});

test("a gRPC response that is cut ends with a status, any other with a reset", () => {
  const call = scene({ headers: ["content-type", "application/grpc"] });
  call.relay.connect(call.upstream);
  call.upstream.reader?.onHead({ status: 200, headers: [] }, false);
  call.upstream.reader?.onReset(cut);
  assert.match(call.down.lines[1] ?? "", /^trailers grpc-status 14 /);

  const page = scene();
  page.relay.connect(page.upstream);
  page.upstream.reader?.onHead({ status: 200, headers: ["content-length", "9"] }, false);
  page.upstream.reader?.onData(text("part"), false);
  page.upstream.reader?.onReset(cut);
  assert.deepEqual(page.down.lines.slice(1), ["data part", "reset upstream_reset"]);
});

test("what the upstream did not process is offered for another try, once it is whole", () => {
  const refused: Reset = { ...cut, unprocessed: true };
  const bodiless = scene({ method: "POST" }, true, true);
  bodiless.relay.connect(bodiless.upstream);
  bodiless.upstream.reader?.onReset(refused);
  assert.equal(bodiless.retries, 1);
  assert.deepEqual(bodiless.down.lines, []);

  const withBody = scene({ method: "POST" }, false, true);
  withBody.relay.connect(withBody.upstream);
  withBody.relay.request.onData(text("x"), true);
  withBody.upstream.reader?.onReset(refused);
  assert.equal(withBody.retries, 0);
});

test("a closed connection is retried for idempotent methods only", () => {
  const closed: Reset = { ...cut, code: "upstream_closed" };
  for (const [method, retries] of [
    ["GET", 1],
    ["POST", 0],
  ] as const) {
    const { relay, upstream, ...rest } = scene({ method }, true, true);
    relay.connect(upstream);
    upstream.reader?.onReset(closed);
    assert.equal(rest.ended.length, 1 - retries, method);
  }
});

test("a client that goes away resets the upstream", () => {
  const { relay, upstream, ended } = scene({ method: "POST" }, false);
  relay.connect(upstream);
  relay.request.onReset({ ...cut, code: "downstream_closed" });
  assert.deepEqual(upstream.up.lines, ["open POST /", "reset downstream_closed"]);
  assert.equal(ended.length, 1);
});

test("a response that ends before its request stops the request on both sides", () => {
  const { relay, upstream, down, ended } = scene({ method: "POST" }, false);
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 413, headers: [] }, true);
  assert.deepEqual(down.lines, ["head 413 end", "reset upstream_closed"]);
  assert.deepEqual(upstream.up.lines, ["open POST /", "reset upstream_closed"]);
  assert.equal(ended.length, 1);
});

test("a tunnel is over when both its directions are", () => {
  const { relay, upstream, ended } = scene({ method: "CONNECT" }, false);
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 200, headers: [] }, false);
  upstream.reader?.onData(text(""), true);
  assert.equal(ended.length, 0);
  relay.request.onData(text("bye"), true);
  assert.equal(ended.length, 1);
});

test("aborting a live exchange cuts both sides", () => {
  const { relay, upstream, down } = scene();
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 200, headers: [] }, false);
  relay.abort(new MeshError("policy_denied", "a policy changed"));
  assert.deepEqual(upstream.up.lines.at(-1), "reset policy_denied");
  assert.deepEqual(down.lines.at(-1), "reset policy_denied");
});

const noError: Reset = {
  code: "upstream_closed",
  http2Code: 0x0,
  detail: "reset with NO_ERROR",
  unprocessed: false,
};

test("a request that its client ended with NO_ERROR does not look whole to the upstream", () => {
  const { relay, upstream } = scene({ method: "POST" }, false);
  relay.connect(upstream);
  relay.request.onData(Buffer.from("half"), false);
  relay.request.onReset(noError);
  assert.deepEqual(upstream.up.resetCodes, [0x8]);
});

test("a response that its server ended with NO_ERROR does not look whole to the client", () => {
  const { relay, down, upstream } = scene();
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 200, headers: [] }, false);
  upstream.reader?.onData(Buffer.from("half"), false);
  upstream.reader?.onReset(noError);
  assert.deepEqual(down.resetCodes, [0x8]);
});

test("a tunnel that was cut with NO_ERROR does not look like one that ended", () => {
  const { relay, down, upstream } = scene({ method: "CONNECT" }, false);
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 200, headers: [] }, false);
  upstream.reader?.onReset(noError);
  assert.equal(down.resetCodes[0], 0xa);
});

test("what is left of a request after its whole response is cancelled, and its client told NO_ERROR", () => {
  const { relay, down, upstream } = scene({ method: "POST" }, false);
  relay.connect(upstream);
  upstream.reader?.onHead({ status: 200, headers: [] }, true);
  assert.deepEqual(upstream.up.resetCodes, [0x8]);
  assert.deepEqual(down.resetCodes, [0x0]);
});
