/** A running injector on loopback with certificates of its own, and two ways to ask it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { type RunningInjector, startInjector } from "../../injector/app.ts";
import { readInjectorConfig } from "../../injector/config.ts";
import { systemClock } from "../../src/core/clock.ts";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface InjectorFixture {
  readonly injector: RunningInjector;
  readonly logLines: () => readonly string[];
  /** Replaces certificate and key by a pair with this name. */
  renew(commonName: string): void;
  /** A new HTTP/2 connection; closed with the test. */
  dial(): ClientHttp2Session;
  metrics(path?: string): Promise<Answer>;
}

export async function startFixture(context: TestContext): Promise<InjectorFixture> {
  const folder = mkdtempSync(join(tmpdir(), "remora-injector-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  const renew = (commonName: string): void => {
    makePair(commonName, `${files.cert}.new`, `${files.key}.new`);
    renameSync(`${files.key}.new`, files.key);
    renameSync(`${files.cert}.new`, files.cert);
  };
  renew("first");
  const lines: string[] = [];
  const config = readInjectorConfig({
    REMORA_INJECTOR_LISTEN: "127.0.0.1:0",
    REMORA_INJECTOR_METRICS_LISTEN: "127.0.0.1:0",
    REMORA_INJECTOR_KUBERNETES: "off",
    REMORA_INJECTOR_CERT_FILE: files.cert,
    REMORA_INJECTOR_KEY_FILE: files.key,
    REMORA_INJECTOR_VERSION: "1.2.3",
    REMORA_INJECTOR_IMAGE: "remora:1.2.3",
    REMORA_INJECTOR_DRAIN_DELAY: "1ms",
  });
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const injector = await startInjector(config, { clock: systemClock, log });
  let closed: Promise<void> | undefined;
  const running = { ...injector, close: () => (closed ??= injector.close()) };
  context.after(() => running.close());
  return {
    injector: running,
    logLines: () => lines,
    renew,
    dial() {
      const session = connect(`https://127.0.0.1:${injector.port}`, { rejectUnauthorized: false });
      session.on("error", () => undefined);
      context.after(() => session.destroy());
      return session;
    },
    async metrics(path = "/metrics") {
      const response = await fetch(`http://127.0.0.1:${injector.metricsPort}${path}`);
      return { status: response.status, body: await response.text() };
    },
  };
}

/** A question as API servers put it: the creation of the pod; `request` and `review` change what they name. */
export function reviewOf(object: unknown, request: object = {}, review: object = {}): object {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      operation: "CREATE",
      namespace: "shop",
      dryRun: false,
      object,
      ...request,
    },
    ...review,
  };
}

export interface Question {
  readonly body: string | Buffer;
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
}

export function askHttp2(session: ClientHttp2Session, question: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": question.method ?? "POST",
      ":path": question.path ?? "/inject?timeout=5s",
      "content-type": question.type ?? "application/json",
    });
    let status = 0;
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", (received) => {
      status = received[":status"] ?? 0;
    });
    stream.on("data", (text: string) => {
      body += text;
    });
    stream.on("end", () => resolve({ status, body }));
    stream.on("error", reject);
    stream.end(question.body);
  });
}

export function askHttp1(port: number, question: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      agent: false,
      method: question.method ?? "POST",
      path: question.path ?? "/inject?timeout=5s",
      headers: { "content-type": question.type ?? "application/json" },
    });
    call.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on("error", reject);
    call.end(question.body);
  });
}

function makePair(commonName: string, certFile: string, keyFile: string): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const out = ["-keyout", keyFile, "-out", certFile, "-days", "2", "-subj", `/CN=${commonName}`];
  execFileSync("openssl", ["req", "-x509", ...key, ...out], { stdio: "ignore" });
}
