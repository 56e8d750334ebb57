import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSeconds, renderLine, renderScreen } from "./table.ts";
import type { TrafficRow } from "./traffic.ts";

const row: TrafficRow = {
  source: "spiffe://cluster.local/ns/shop/sa/shopper",
  destination: "spiffe://cluster.local/ns/shop/sa/web",
  protocol: "http1",
  rate: 40.04,
  success: 1,
  p50: 0.00042,
  p99: 0.0123,
  mtls: true,
};
const pods = [{ name: "web-1", metricsUrl: "http://10.0.0.2:15020/metrics" }];

test("a wide terminal shows both SPIFFE IDs in full, with figures in columns", () => {
  const [title, first] = renderScreen({ rows: [row], pods, width: 160 }).split("\n");
  assert.equal(
    title,
    "SOURCE                                     DESTINATION                            PROTOCOL  REQ/S  SUCCESS     P50      P99  MTLS",
  );
  assert.equal(
    first,
    "spiffe://cluster.local/ns/shop/sa/shopper  spiffe://cluster.local/ns/shop/sa/web  http1      40.0    100 %  420 µs  12.3 ms  yes",
  );
});

test("a narrow terminal names the trust domain once", () => {
  const lines = renderScreen({ rows: [row], pods, width: 90 }).split("\n");
  assert.match(lines[1] ?? "", /^ns\/shop\/sa\/shopper {2}ns\/shop\/sa\/web {2}http1/);
  assert.ok(lines.includes("All names begin with spiffe://cluster.local/"));
  assert.ok(lines.every((line) => line.length <= 90));
});

test("the address of each pod's metrics stands below the table", () => {
  const screen = renderScreen({ rows: [], pods, width: 80 });
  assert.match(screen, /waiting for the first requests/);
  assert.match(screen, /web-1 {2}http:\/\/10\.0\.0\.2:15020\/metrics/);
});

test("a flow without mTLS and a failure of one in a million are not hidden", () => {
  const screen = renderScreen({
    rows: [{ ...row, mtls: false, success: 1 - 1e-6 }],
    pods,
    width: 160,
  });
  assert.match(screen, / NO$/m);
  assert.match(screen, / 99\.99 % /);
});

test("a line tells totals and names what is wrong", () => {
  assert.equal(
    renderLine([row]),
    "1 flows  40.0 req/s  all succeed  slowest p99 12.3 ms  all mTLS",
  );
  const bad = { ...row, success: 0.5, mtls: false };
  assert.match(
    renderLine([row, bad]),
    /failing: shopper → web \(http1\).*not mTLS: shopper → web \(http1\)$/,
  );
});

test("times have the unit that suits them", () => {
  assert.deepEqual([undefined, 0.0000123, 0.0456, 2.5].map(formatSeconds), [
    "-",
    "12 µs",
    "45.6 ms",
    "2.50 s",
  ]);
});
