/**
 * What a review costs, over real HTTP/2 and TLS on loopback, one at a time: `node bench/micro/review.bench.ts`.
 * Milliseconds. Client and webhook share the process, so the figures are an upper bound.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { startInjector } from "../../injector/app.ts";
import { makeServingPair } from "../../injector/certificate/make-pair.ts";
import { readInjectorConfig } from "../../injector/config.ts";
import { systemClock } from "../../src/core/clock.ts";
import { seconds } from "../../src/core/duration.ts";

const count = 5_000;

const folder = mkdtempSync(join(tmpdir(), "remora-review-bench-"));
const pair = makeServingPair({
  dnsNames: ["localhost"],
  uri: "spiffe://cluster.local/ns/remora-system/sa/remora-injector",
  trustDomain: "cluster.local",
  lifetime: seconds(3_600),
  now: Date.now(),
});
const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
writeFileSync(files.cert, pair.certPem);
writeFileSync(files.key, pair.keyPem);
const config = readInjectorConfig({
  REMORA_INJECTOR_KUBERNETES: "off",
  REMORA_INJECTOR_LISTEN: "127.0.0.1:0",
  REMORA_INJECTOR_METRICS_LISTEN: "127.0.0.1:0",
  REMORA_INJECTOR_CERT_FILE: files.cert,
  REMORA_INJECTOR_KEY_FILE: files.key,
  REMORA_INJECTOR_VERSION: "1.2.3",
  REMORA_INJECTOR_IMAGE: "remora:1.2.3",
  REMORA_INJECTOR_DRAIN_DELAY: "1ms",
});
const log = pino({ level: "info" }, { write: () => undefined });
const injector = await startInjector(config, { clock: systemClock, log });
const session = connect(`https://localhost:${injector.port}`, { ca: pair.caPem });
for (const [what, containers, padding] of [
  ["an ordinary pod: 2 containers, 4 KB", 2, 1_000],
  ["a large pod: 20 containers, 100 KB", 20, 4_000],
  ["a huge pod: 100 containers, 1 MB", 100, 9_000],
] as const) {
  const body = Buffer.from(JSON.stringify(reviewOf(containers, padding)));
  await run(200, body);
  const times = (await run(containers === 100 ? count / 10 : count, body)).sort((a, b) => a - b);
  const at = (quantile: number): string =>
    (times[Math.floor(times.length * quantile)] ?? 0).toFixed(2).padStart(7);
  process.stdout.write(`${what.padEnd(40)} p50 ${at(0.5)} p99 ${at(0.99)} ms, ${body.length} B\n`);
}
session.destroy();
await injector.close();
rmSync(folder, { recursive: true });

async function run(times: number, body: Buffer): Promise<number[]> {
  const taken: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const begin = performance.now();
    await ask(session, body);
    taken.push(performance.now() - begin);
  }
  return taken;
}

function ask(session: ClientHttp2Session, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/inject?timeout=5s",
      "content-type": "application/json",
    });
    stream.on("response", (headers) => {
      if (headers[":status"] !== 200) reject(new Error(`status ${headers[":status"]}`));
    });
    stream.resume().on("end", resolve).on("error", reject);
    stream.end(body);
  });
}

function reviewOf(containers: number, padding: number): object {
  const probe = { httpGet: { path: "/ready", port: "http" }, periodSeconds: 5 };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "", version: "v1", kind: "Pod" },
      operation: "CREATE",
      namespace: "shop",
      object: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { generateName: "web-7d4b9c-", labels: { app: "web" } },
        spec: {
          volumes: [{ name: "kube-api-access-x7k2p", projected: { sources: [] } }],
          containers: Array.from({ length: containers }, (_, index) => ({
            name: `web-${index}`,
            image: "registry.example/shop/web:2.14.1",
            ports: [{ name: "http", containerPort: 8_080 + index }],
            env: [{ name: "SETTINGS", value: "x".repeat(padding) }],
            readinessProbe: probe,
            livenessProbe: probe,
            resources: { requests: { cpu: "100m", memory: "128Mi" } },
          })),
        },
      },
    },
  };
}
