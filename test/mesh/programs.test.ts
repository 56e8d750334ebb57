/** Unmodified programs, as Debian packages them, as clients and servers in captured pods. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Mesh, needs, startMesh, sumOf } from "./mesh.ts";

const client = "deploy/client";
const clientId = "spiffe://cluster.local/ns/programs/sa/default";
const postgres = needs("curl", "nginx", "haproxy", "redis-server", "psql", "wrk", "h2load");

describe("programs that know nothing of the mesh", postgres, () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh("programs", ["programs.yaml"], { namespace: "programs" });
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  test("nginx answers curl in HTTP/1 and in HTTP/2", async () => {
    assert.equal(await mesh.ask(client, "curl", "-sS", "http://nginx/"), "nginx says hello\n");
    const http2 = ["curl", "-sS", "--http2-prior-knowledge", "http://nginx:81/"];
    assert.equal(await mesh.ask(client, ...http2), "nginx says hello in HTTP/2\n");
  });

  test("HAProxy finds nginx in the mesh and is found there itself", async () => {
    const text = await mesh.ask(client, "curl", "-sS", "-D-", "http://haproxy/");
    assert.match(text, /x-via: haproxy/);
    assert.match(text, /nginx says hello/);
  });

  test("wrk sees no error in thousands of requests", async () => {
    const text = await mesh.ask(client, "wrk", "-t1", "-c32", "-d3s", "http://nginx/");
    assert.doesNotMatch(text, /Non-2xx|Socket errors/, text);
    const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
    assert.ok(requests > 1_000, text);
  });

  test("h2load sees every one of its requests succeed", async () => {
    const load = ["h2load", "-n", "5000", "-c", "8", "-m", "8", "http://nginx:81/"];
    const text = await mesh.ask(client, ...load);
    assert.match(text, /5000 succeeded, 0 failed, 0 errored, 0 timeout/);
  });

  test("Redis keeps what it was given, and its benchmark ends well", async () => {
    const redis = ["redis-cli", "-h", "redis"];
    assert.equal((await mesh.ask(client, ...redis, "set", "fish", "remora")).trim(), "OK");
    assert.equal((await mesh.ask(client, ...redis, "get", "fish")).trim(), "remora");
    const benchmark = ["redis-benchmark", "-h", "redis", "-q", "-n", "5000", "-c", "20"];
    const text = await mesh.ask(client, ...benchmark, "-P", "8", "-t", "set,get");
    assert.match(text, /SET: [\d.]+ requests per second[^]*GET: [\d.]+ requests per second/);
  });

  test("PostgreSQL answers queries and sends a large result unchanged", async () => {
    const psql = ["psql", "-h", "postgres", "-U", "postgres", "-Atc"];
    const rows = "select i, md5(i::text) from generate_series(1, 200000) i";
    const digest = `select md5(string_agg(i || '|' || md5(i::text), E'\\n' order by i)) from generate_series(1, 200000) i`;
    const wanted = (await mesh.ask(client, ...psql, digest)).trim();
    const script = `psql -h postgres -U postgres -Atc "${rows}" | head -c -1 | md5sum`;
    assert.match(await mesh.ask(client, "sh", "-c", script), new RegExp(`^${wanted} `));
  });

  test("every program was called by somebody with an identity", async () => {
    for (const name of ["nginx", "haproxy", "redis", "postgres"]) {
      const samples = await mesh.metrics(await mesh.pod(name));
      for (const metric of ["remora_requests_total", "remora_tcp_connections_total"]) {
        const all = sumOf(samples, metric, { direction: "inbound" });
        const known = sumOf(samples, metric, { direction: "inbound", peer: clientId });
        assert.equal(known, all, `${name}: ${metric}`);
      }
    }
  });
});
