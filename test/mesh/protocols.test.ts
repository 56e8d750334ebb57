/** What applications may expect of any network, asked through two sidecars. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { patternDigest } from "../apps/pattern.ts";
import { tellVerdict } from "../judges/verdict.ts";
import { type Mesh, needs, startMesh, sumOf } from "./mesh.ts";

/** How often each question is asked; a nightly run sets a larger number. */
const grpcRounds = Number(process.env["GRPC_ROUNDS"] ?? 3);
/** A question has two minutes for its answer, so more rounds are several questions. */
const roundsAtOnce = 20;

const client = "deploy/client";
const clientId = "spiffe://cluster.local/ns/apps/sa/client";
const serverId = "spiffe://cluster.local/ns/apps/sa/server";

describe("through two sidecars", needs("curl", "openssl", "grpcio"), () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await startMesh("protocols", ["apps.yaml", "grpcio.yaml"], { namespace: "apps" });
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  const curl = (...args: string[]) => mesh.ask(client, "curl", "-sS", "--max-time", "30", ...args);
  const tcp = (question: string, ...args: (string | number)[]) =>
    mesh.question(client, "tcp-client.ts", question, ...args);

  test("an HTTP request arrives as it was sent, with the caller's identity", async () => {
    const seen = JSON.parse(
      await curl("-H", "X-Mixed: Case", "-X", "PURGE", "http://http/headers/a%2Fb?q=1&q=2"),
    ) as { method: string; url: string; headers: Record<string, string> };
    assert.equal(seen.method, "PURGE");
    assert.equal(seen.url, "/headers/a%2Fb?q=1&q=2");
    assert.equal(seen.headers["host"], "http");
    assert.equal(seen.headers["x-mixed"], "Case");
    assert.equal(seen.headers["remora-client-id"], clientId);
  });

  test("an application cannot forge an identity or any other header of the mesh", async () => {
    const forged = ["-H", "remora-client-id: spiffe://evil/ns/a/sa/b", "-H", "Remora-Dst: 22"];
    const { headers } = JSON.parse(await curl(...forged, "http://http/headers")) as {
      headers: Record<string, string>;
    };
    assert.equal(headers["remora-client-id"], clientId);
    const ours = Object.keys(headers).filter((name) => name.startsWith("remora-"));
    assert.deepEqual(ours, ["remora-client-id"]);
  });

  test("HTTP is detected on a port that declares nothing", async () => {
    const { headers } = JSON.parse(await curl("http://undeclared:8080/headers")) as {
      headers: Record<string, string>;
    };
    assert.equal(headers["remora-client-id"], clientId);
  });

  test("a pod that is called by its own address is in the mesh too", async () => {
    const { ip } = await mesh.pod("http");
    const { headers } = JSON.parse(await curl(`http://${ip}:8080/headers`)) as {
      headers: Record<string, string>;
    };
    assert.equal(headers["remora-client-id"], clientId);
  });

  test("a client's connection is kept alive", async () => {
    const text = await curl(
      "-w",
      "%{num_connects}\n",
      "-o",
      "/dev/null",
      "http://http/",
      "-o",
      "/dev/null",
      "http://http/",
    );
    assert.deepEqual(text.trim().split("\n"), ["1", "0"]);
  });

  test("requests of one moment are balanced over the pods of a Service", async () => {
    const urls = Array.from({ length: 40 }, () => "http://http/wait/50");
    const text = await curl("--parallel", "--parallel-immediate", "--parallel-max", "10", ...urls);
    const hosts = Array.from(text.matchAll(/late, from (\S+)/g), (match) => match[1]);
    assert.equal(hosts.length, 40);
    assert.equal(new Set(hosts).size, 2);
  });

  test("trailers of a chunked body arrive", async () => {
    const raw = await curl("--raw", "http://http/bytes/1000");
    assert.match(raw, new RegExp(`body-sha256: ${patternDigest(1_000)}`));
  });

  test("early hints come before the answer", async () => {
    const text = await curl("-D-", "http://http/hints");
    assert.match(text, /^HTTP\/1.1 103[^]*HTTP\/1.1 200[^]*after the hints/);
  });

  test("HEAD has the length of a body that does not come", async () => {
    assert.match(await curl("-I", "http://http/length/12345"), /content-length: 12345/i);
  });

  test("statuses without a body have none", async () => {
    const text = await curl(
      "-w",
      "%{http_code} ",
      "http://http/status/204",
      "http://http/status/304",
    );
    assert.equal(text.trim(), "204 304");
  });

  test("an HTTP/1.0 client gets an answer that it can read", async () => {
    const text = await curl("-0", "-D-", "http://http/bytes/5");
    assert.doesNotMatch(text, /chunked/i);
    assert.match(text, /\r\n\r\n[^]{5}$/);
  });

  test("a body that ends with its connection arrives whole", async () => {
    const script = "curl -sS http://http/until-close/300000 | sha256sum";
    assert.match(await mesh.ask(client, "sh", "-c", script), new RegExp(patternDigest(300_000)));
  });

  test("a client that waits for 100 Continue gets it", async () => {
    const text = await curl("-H", "Expect: 100-continue", "-d", "four", "http://http/digest");
    assert.equal((JSON.parse(text) as { length: number }).length, 4);
  });

  test("a body of 100 MB arrives unchanged in both directions", async () => {
    const size = 100_000_000;
    const script = `curl -sS http://http/bytes/${size} | tee /tmp/body | sha256sum && curl -sS -T /tmp/body http://http/digest`;
    const text = await mesh.ask(client, "sh", "-c", script);
    assert.equal(text.split(patternDigest(size)).length, 3, text);
    assert.match(text, new RegExp(`"length":${size}`));
  });

  test("a body that the server cuts never looks whole", async () => {
    const { code } = await mesh.exec(client, ["curl", "-sS", "http://http/cut/100000"]);
    assert.ok([18, 55, 56, 92].includes(code), `curl ended with ${code}`);
  });

  test("pipelined requests are answered in their order", async () => {
    const requests = [201, 202, 203].map((code) => {
      const last = code === 203 ? "connection: close\r\n" : "";
      return `GET /status/${code} HTTP/1.1\r\nhost: http\r\n${last}\r\n`;
    });
    const { text } = await tcp("end", "http", 80, requests.join(""));
    const codes = Array.from(String(text).matchAll(/HTTP\/1.1 (\d+)/g), (match) => match[1]);
    assert.deepEqual(codes, ["201", "202", "203"]);
  });

  test("a connection may be upgraded to a protocol that nobody knows", async () => {
    const head =
      "GET /upgrade HTTP/1.1\r\nhost: http\r\nconnection: upgrade\r\nupgrade: parrot\r\n\r\n";
    const { text } = await tcp("say", "http", 80, `${head}who is there`, "who is there");
    assert.match(String(text), /^HTTP\/1.1 101 /);
    assert.match(String(text), /upgrade: parrot/i);
  });

  test("WebSockets work, on declared and on detected ports", async () => {
    for (const url of ["ws://http/socket", "ws://undeclared:8080/socket"]) {
      allOk(await mesh.question(client, "ws-client.ts", url));
    }
  });

  test("TCP bytes come back unchanged", async () => {
    assert.deepEqual(await tcp("echo", "tcp", 7000), { length: 1_000_003, same: true });
  });

  test("a server that speaks first is heard without delay", async () => {
    const { greeting, answer, millis } = await tcp("greet", "tcp", 7001);
    assert.deepEqual([greeting, answer], ["220 ready\n", "question\n"]);
    // Detection by waiting would take its whole time limit; 250 ms leaves room for a busy machine.
    assert.ok(Number(millis) < 250, `${Number(millis)} ms`);
  });

  test("half-closed connections carry the other half", async () => {
    const size = 20_000_000;
    assert.deepEqual(await tcp("upload", "tcp", 7002, size), { length: size, same: true });
    assert.deepEqual(await tcp("download", "tcp", 7003, size), { length: size, same: true });
  });

  test("a reset by the server is a reset for the client", async () => {
    assert.equal((await tcp("end", "tcp", 7004, "x"))["ended"], "ECONNRESET");
  });

  test("the application's own TLS is carried as it is", async () => {
    const text = await mesh.ask(client, "sh", "-c", "curl -skv https://tls:8443/ 2>&1");
    assert.match(text, /subject: CN ?= ?the application itself/);
    assert.match(text, /HTTP\/1.0 200/i);
  });

  for (const service of ["grpc:9090", "grpcio:9091"]) {
    for (const [stack, program] of [
      ["grpc-js", "grpc-client.ts"],
      ["grpcio", "grpc_client.py"],
    ] as const) {
      test(`${stack} gets right answers from ${service}`, async (t) => {
        for (let left = grpcRounds; left > 0; left -= roundsAtOnce) {
          const rounds = Math.min(left, roundsAtOnce);
          const answers = Object.entries(await mesh.question(client, program, service, rounds));
          const wrong = answers.filter(([, answer]) => answer !== "ok");
          tellVerdict(t, {
            judge: stack,
            against: `calls to ${service}`,
            passed: (answers.length - wrong.length) * rounds,
            of: answers.length * rounds,
            notPassed: wrong.map(String),
          });
          assert.ok(answers.length > 10);
          assert.deepEqual(wrong, []);
        }
      });
    }
  }

  test("a Service without pods is told from one that refuses, by Proxy-Status", async () => {
    const nobody = await curl("-D-", "http://nobody/");
    assert.match(nobody, /^HTTP\/1.1 503/);
    assert.match(nobody, /proxy-status: remora.*no_endpoint/i);
    const refusing = await curl("-D-", "http://refusing/");
    assert.match(refusing, /^HTTP\/1.1 502/);
    assert.match(refusing, /proxy-status: remora.*connect_refused/i);
  });

  test("a client that waits for the greeting of a Service without pods is told that nobody is there", async () => {
    assert.deepEqual(await tcp("end", "nobody", 7001), { ended: "ECONNRESET", text: "" });
  });

  test("what is outside the mesh is reached as if there were none", async () => {
    const route = await mesh.ask(client, "ip", "route", "show", "default");
    const gateway = /via (\S+)/.exec(route)?.[1] ?? "";
    const server = createServer((request, response) => {
      response.end(JSON.stringify(request.headers));
    });
    await new Promise<void>((resolve) => server.listen(0, gateway, resolve));
    try {
      const address = server.address();
      assert.ok(address !== null && typeof address === "object");
      const text = await curl(`http://${gateway}:${address.port}/`);
      assert.doesNotMatch(text, /remora/);
      assert.match(text, /"user-agent":"curl/);
    } finally {
      server.close();
    }
  });

  test("both sidecars count the same requests with each other's identity", async () => {
    const outbound = await mesh.metrics(await mesh.pod("client"));
    const grpc = await mesh.metrics(await mesh.pod("grpc"));
    const sent = sumOf(outbound, "remora_requests_total", {
      direction: "outbound",
      peer: serverId,
      service: "apps/grpc",
      grpc_status: "0",
    });
    const received = sumOf(grpc, "remora_requests_total", {
      direction: "inbound",
      peer: clientId,
      grpc_status: "0",
    });
    assert.ok(sent > 0);
    assert.equal(received, sent);
    const tcpServer = await mesh.metrics(await mesh.pod("tcp"));
    const labels = { direction: "inbound", peer: clientId };
    assert.ok(sumOf(tcpServer, "remora_tcp_connections_total", labels) >= 5);
    assert.ok(sumOf(tcpServer, "remora_tcp_bytes_total", labels) > 40_000_000);
  });
});
function allOk(answers: Readonly<Record<string, unknown>>): void {
  const wrong = Object.entries(answers).filter(([, answer]) => answer !== "ok");
  assert.deepEqual(wrong, []);
  assert.ok(Object.keys(answers).length > 0);
}
