import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetricsText } from "./metrics-text.ts";
import { quantile, readTraffic } from "./traffic.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";
const cart = "spiffe://cluster.local/ns/shop/sa/cart";

test("rates, success and latency are those of the time between two looks", () => {
  const [row, ...rest] = readTraffic(
    [scrape(web, requests({ ok: 100, failed: 7, fast: 100, all: 107 }))],
    [scrape(web, requests({ ok: 139, failed: 8, fast: 120, all: 147 }))],
    4,
  );
  assert.deepEqual(rest, []);
  assert.equal(row?.source, web);
  assert.equal(row?.destination, cart);
  assert.equal(row?.protocol, "grpc");
  assert.equal(row?.rate, 10);
  assert.equal(row?.success, 39 / 40);
  assert.equal(row?.p50, 0.001);
  assert.ok(Math.abs((row?.p99 ?? 0) - 0.00982) < 1e-9);
  assert.equal(row?.mtls, true);
});

test("counters that went back are those of a restarted sidecar", () => {
  const [row] = readTraffic(
    [scrape(web, requests({ ok: 100, failed: 0, fast: 100, all: 100 }))],
    [scrape(web, requests({ ok: 10, failed: 0, fast: 10, all: 10 }))],
    1,
  );
  assert.equal(row?.rate, 10);
});

test("a peer without identity is shown by its service and as not protected", () => {
  const text =
    'remora_requests_total{direction="outbound",peer="unknown",service="other/db",protocol="http1",status_class="2xx",grpc_status="",error=""} 3';
  const [row] = readTraffic([], [scrape(web, text)], 1);
  assert.equal(row?.destination, "other/db");
  assert.equal(row?.mtls, false);
});

test("TCP counts connections and has no latency", () => {
  const text = [
    `remora_tcp_connections_total{direction="outbound",peer="${cart}",service="shop/cart",error=""} 6`,
    `remora_tcp_connections_total{direction="outbound",peer="${cart}",service="shop/cart",error="upstream_reset"} 2`,
  ].join("\n");
  const [row] = readTraffic([], [scrape(web, text)], 2);
  assert.deepEqual(
    { rate: row?.rate, success: row?.success, p50: row?.p50, protocol: row?.protocol },
    { rate: 4, success: 0.75, p50: undefined, protocol: "tcp" },
  );
});

test("inbound counters make no rows, and quiet flows keep theirs", () => {
  const quiet = requests({ ok: 5, failed: 0, fast: 5, all: 5 });
  const inbound = quiet.replaceAll("outbound", "inbound");
  assert.deepEqual(readTraffic([], [scrape(cart, inbound)], 1), []);
  const [row] = readTraffic([scrape(web, quiet)], [scrape(web, quiet)], 1);
  assert.deepEqual([row?.rate, row?.success, row?.p50], [0, undefined, undefined]);
});

test("a quantile beyond the last bound is that bound", () => {
  const buckets = new Map([
    [0.1, 1],
    [Number.POSITIVE_INFINITY, 10],
  ]);
  assert.equal(quantile(buckets, 0.99), 0.1);
  assert.equal(quantile(new Map(), 0.5), undefined);
});

interface Counts {
  readonly ok: number;
  readonly failed: number;
  /** At most 1 ms. */
  readonly fast: number;
  readonly all: number;
}

function requests(counts: Counts): string {
  const labels = `direction="outbound",peer="${cart}",service="shop/cart",protocol="grpc"`;
  const name = "remora_request_duration_seconds_bucket";
  return [
    `remora_requests_total{${labels},status_class="2xx",grpc_status="0",error=""} ${counts.ok}`,
    `remora_requests_total{${labels},status_class="2xx",grpc_status="14",error=""} ${counts.failed}`,
    `${name}{${labels},le="0.001"} ${counts.fast}`,
    `${name}{${labels},le="0.01"} ${counts.all}`,
    `${name}{${labels},le="+Inf"} ${counts.all}`,
  ].join("\n");
}

function scrape(identity: string, text: string, pod: string = identity) {
  return { pod, identity, samples: parseMetricsText(text) };
}

test("replicas of one identity are one source", () => {
  const early = requests({ ok: 100, failed: 0, fast: 100, all: 100 });
  const late = requests({ ok: 110, failed: 0, fast: 110, all: 110 });
  const rows = readTraffic(
    [scrape(web, early, "a"), scrape(web, late, "b")],
    [scrape(web, late, "a"), scrape(web, late, "b")],
    1,
  );
  assert.deepEqual(
    rows.map(({ source, rate }) => [source, rate]),
    [[web, 10]],
  );
});

test("requests that found nobody show as failures and say nothing of encryption", () => {
  const text =
    'remora_requests_total{direction="outbound",peer="unknown",service="shop/web",protocol="http1",status_class="5xx",grpc_status="",error="no_endpoint"} 3';
  const [row] = readTraffic([], [scrape(web, text)], 1);
  assert.deepEqual([row?.success, row?.mtls], [0, undefined]);
  assert.deepEqual(readTraffic([scrape(web, text)], [scrape(web, text)], 1), []);
});
