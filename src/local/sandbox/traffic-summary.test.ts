import assert from "node:assert/strict";
import { test } from "node:test";
import type { TcpSegment } from "./tcp-segment.ts";
import { parseTcpSegment } from "./tcp-segment.ts";
import { createTrafficSummary } from "./traffic-summary.ts";

const record = Buffer.concat([Buffer.from("1703030010", "hex"), Buffer.alloc(16)]);

/** A segment between client port 40000 and the server's port. */
function segment(part: Partial<TcpSegment> & { readonly up?: boolean; readonly port?: number }) {
  const { up = true, port = 15008, ...rest } = part;
  const [client, server] = [`a:40000`, `b:${port}`];
  return {
    source: up ? client : server,
    destination: up ? server : client,
    sourcePort: up ? 40_000 : port,
    destinationPort: up ? port : 40_000,
    sequence: 1,
    syn: false,
    ack: true,
    payload: new Uint8Array(),
    ...rest,
  };
}

test("a connection of records in both directions is TLS", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ syn: true, ack: false, sequence: 0 }));
  summary.add(segment({ up: false, syn: true, sequence: 0 }));
  summary.add(segment({ payload: record.subarray(0, 3) }));
  summary.add(segment({ payload: record.subarray(3), sequence: 4 }));
  summary.add(segment({ up: false, payload: record }));
  assert.deepEqual(summary.ports(), [
    { port: 15_008, connections: 1, payloadBytes: 42, tls: true, sample: undefined },
  ]);
});

test("one plain direction makes a port plain, and its beginning is shown", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ port: 80, syn: true, ack: false, sequence: 0 }));
  summary.add(segment({ port: 80, payload: record }));
  summary.add(segment({ port: 80, up: false, payload: Buffer.from("HTTP/1.1 200\r\n") }));
  assert.deepEqual(summary.ports(), [
    { port: 80, connections: 1, payloadBytes: 35, tls: false, sample: "HTTP/1.1 200.." },
  ]);
});

test("segments that overtake each other are read in their own order", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ syn: true, ack: false, sequence: 0 }));
  const stream = Buffer.concat([record, record, record]);
  summary.add(segment({ payload: stream.subarray(0, 10) }));
  summary.add(segment({ sequence: 41, payload: stream.subarray(40) }));
  summary.add(segment({ sequence: 21, payload: stream.subarray(20, 40) }));
  summary.add(segment({ sequence: 11, payload: stream.subarray(10, 20) }));
  assert.deepEqual(summary.ports(), [
    { port: 15_008, connections: 1, payloadBytes: 63, tls: true, sample: undefined },
  ]);
});

test("plain text behind another segment does not hide", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ syn: true, ack: false, sequence: 0 }));
  summary.add(segment({ sequence: 22, payload: Buffer.from("GET / HTTP/1.1\r\n") }));
  summary.add(segment({ payload: record }));
  assert.equal(summary.ports()[0]?.tls, false);
});

test("bytes sent twice are counted once, also across the end of the sequence numbers", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ syn: true, ack: false, sequence: 0xffff_fffd }));
  const stream = Buffer.concat([record, record]);
  summary.add(segment({ sequence: 0xffff_fffe, payload: stream.subarray(0, 10) }));
  summary.add(segment({ sequence: 0xffff_fffe, payload: stream.subarray(0, 10) }));
  summary.add(segment({ sequence: 3, payload: stream.subarray(5, 20) }));
  summary.add(segment({ sequence: 18, payload: stream.subarray(20) }));
  assert.deepEqual(summary.ports(), [
    { port: 15_008, connections: 1, payloadBytes: 42, tls: true, sample: undefined },
  ]);
});

test("the end of a connection does not change what it was", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ syn: true, ack: false, sequence: 0 }));
  summary.add(segment({ payload: record }));
  summary.add(segment({ sequence: 1 + record.length + 1 }));
  assert.equal(summary.ports()[0]?.tls, true);
});

test("a stream whose beginning was not seen is judged from its next record", () => {
  const summary = createTrafficSummary();
  summary.add(segment({ sequence: 5_000, payload: record }));
  summary.add(segment({ sequence: 5_021, payload: record }));
  assert.equal(summary.ports()[0]?.tls, true);
  const plain = createTrafficSummary();
  plain.add(segment({ sequence: 5_000, payload: Buffer.from("hello") }));
  assert.equal(plain.ports()[0]?.tls, false);
});

test("a second connection on the same ports does not clear the first", () => {
  const summary = createTrafficSummary();
  for (const payload of [Buffer.from("plain"), record]) {
    summary.add(segment({ syn: true, ack: false, sequence: 0 }));
    summary.add(segment({ payload }));
  }
  const [port] = summary.ports();
  assert.deepEqual([port?.connections, port?.tls, port?.sample], [2, false, "plain"]);
});

test("a segment is found in an Ethernet frame without its padding", () => {
  const ethernet = "020000000001 020000000002 0800";
  const ip = "4500002c 00004000 40060000 0a000001 0a000002";
  const tcp = "9c40 3aa0 00000007 00000001 5018 ffff 0000 0000";
  const hex = `${ethernet} ${ip} ${tcp} 17030300 0000`.replaceAll(" ", "");
  const found = parseTcpSegment(Buffer.from(hex, "hex"));
  assert.ok(found);
  assert.deepEqual([found.sourcePort, found.destinationPort], [40_000, 15_008]);
  assert.deepEqual([found.sequence, found.syn, found.ack], [7, false, true]);
  assert.equal(Buffer.from(found.payload).toString("hex"), "17030300");
});

test("what is not a TCP segment is passed over", () => {
  for (const hex of ["00", "ff".repeat(60), `${"00".repeat(12)}0806${"00".repeat(40)}`]) {
    assert.equal(parseTcpSegment(Buffer.from(hex, "hex")), undefined);
  }
});
