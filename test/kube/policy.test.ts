/** Policies on a real cluster: what kubectl applies is in force on live connections, and never stands in the kubelet's way. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { eventually } from "../control/eventually.ts";
import { deployApps, execIn, injectLabel, isReady, podOf, restartsOf } from "./app.ts";
import { apply, getObject, kubectl, makeNamespace, scriptContainer } from "./kube.ts";
import { installMesh, uninstallMesh } from "./mesh.ts";

const server = `
let probes = 0;
require("node:http").createServer((request, response) => {
  if (request.url === "/probe") probes += 1;
  response.end(String(probes));
}).listen(8080);
require("node:net").createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(7000);
`;
const probe = { httpGet: { path: "/probe", port: 8080 }, periodSeconds: 1, failureThreshold: 2 };
const serverContainer = scriptContainer("server", server, {
  readinessProbe: probe,
  livenessProbe: probe,
});

/** Keeps one HTTP and one TCP connection, and prints each change of what it meets. */
const watcher = `
const http = require("node:http");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const last = {};
const tell = (what, now) => { if (last[what] !== now) console.log(what, last[what] = now) };
let port;
(function ask() {
  const request = http.get("http://server:8080/", { agent }, (response) => {
    port ??= request.socket.localPort;
    const where = request.socket.localPort === port ? "same" : "other";
    response.resume().on("end", () => { tell("http", response.statusCode + " " + where); setTimeout(ask, 20) });
  });
  request.on("error", (error) => { tell("http", error.code); setTimeout(ask, 20) });
})();
(function open() {
  let echoed = false;
  const socket = require("node:net").connect(7000, "server", () => socket.write("x"));
  socket.on("data", () => { echoed = true; tell("tcp", "open"); setTimeout(() => socket.write("x"), 20) });
  socket.on("error", () => {});
  socket.on("close", () => { if (echoed) tell("tcp", "cut"); setTimeout(open, 50) });
})();
`;

const echoed = (host: string): string[] => [
  "node",
  "-e",
  `const socket = require("node:net").connect(7000, "${host}", () => socket.write("x"));
  socket.on("data", () => { console.log("echoed"); socket.destroy() });
  socket.on("error", () => {}).on("close", () => console.log("closed"))`,
];
const fetchServer = (host: string): string[] => [
  "node",
  "-e",
  `fetch("http://${host}:8080/").then(async (a) => console.log(a.status, await a.text()), (e) => console.log(e.cause?.code))`,
];

describe("policies in a cluster", () => {
  before(() => installMesh());
  after(() => uninstallMesh());

  test("strict mutual TLS refuses plaintext, and the kubelet's probes go on", async (context) => {
    const { namespace, host } = await deployServer(context, "kube-strict");
    const idle = { containers: [scriptContainer("client", "setInterval(() => {}, 1e6)")] };
    await deployApps(namespace, { name: "client", ...idle });
    const outside = await makeNamespace(context, "kube-strict-outside");
    await deployApps(outside, { name: "client", ...idle });
    const ask = (from: string): Promise<string> => execIn(from, "client", fetchServer(host));
    assert.match(await ask(outside), /^200 /);

    await apply(namespace, policy("MeshPolicy", "strict", { mtls: "Strict" }));
    const refusal = await eventually("a refusal", async () => {
      const answer = await ask(outside);
      return !answer.startsWith("200 ") && answer;
    });
    assert.match(refusal, /^403 /);
    assert.equal(await execIn(outside, "client", echoed(host)), "closed\n");
    assert.equal(await execIn(namespace, "client", echoed(host)), "echoed\nclosed\n");
    const probes = async (): Promise<number> => {
      const [, status = "", count] = /^(\d+) (\d+)$/m.exec(await ask(namespace)) ?? [];
      assert.equal(status, "200");
      return Number(count);
    };
    const sofar = await probes();
    // Far beyond what the probes' thresholds forgive.
    await eventually("ten more probes", async () => (await probes()) >= sofar + 10, 60_000);
    const pod = await podOf(namespace, "server");
    assert.deepEqual(restartsOf(pod), {});
    assert.ok(isReady(pod));
    assert.match(await ask(outside), /^403 /);
  });

  test("a Deny policy cuts what is open, tells its state, and ends when it is removed", async (context) => {
    const { namespace } = await deployServer(context, "kube-deny");
    await deployApps(namespace, {
      name: "watcher",
      containers: [scriptContainer("watcher", watcher)],
    });
    const seen = async (count: number): Promise<readonly string[]> =>
      eventually(
        `${count} changes`,
        async () => {
          const log = await kubectl(["logs", "deployment/watcher", "-c=watcher", "-n", namespace]);
          const lines = log.trim().split("\n");
          return lines.length >= count && lines.sort();
        },
        20_000,
      );
    assert.deepEqual(await seen(2), ["http 200 same", "tcp open"]);

    const rules = [{ from: { serviceAccounts: ["watcher"] } }];
    await apply(namespace, policy("AuthorizationPolicy", "deny", { action: "Deny", rules }));
    const cut = await seen(4);
    assert.deepEqual(cut, ["http 200 same", "http 403 same", "tcp cut", "tcp open"]);
    await becomes(namespace, "deny", ["Accepted True Accepted", "Effective True Effective"]);

    await kubectl(["delete", "authorizationpolicy", "deny", "-n", namespace]);
    const freed = await eventually("traffic that flows", async () => {
      const lines = await seen(6);
      return lines.filter((line) => line === "tcp open").length === 2 && lines;
    });
    assert.equal(freed.filter((line) => line === "http 200 same").length, 2);
  });

  test("a policy about a caller that is not there says so, until it is", async (context) => {
    const { namespace } = await deployServer(context, "kube-caller");
    const rules = [{ from: { serviceAccounts: ["late"] } }];
    await apply(namespace, policy("AuthorizationPolicy", "about", { action: "Deny", rules }));
    await becomes(namespace, "about", ["Accepted True Accepted", "Effective False NoCaller"]);
    await kubectl(["create", "serviceaccount", "late", "-n", namespace]);
    await becomes(namespace, "about", ["Accepted True Accepted", "Effective True Effective"]);
  });

  test("the API server refuses a policy that is wrong, and says why", async (context) => {
    const namespace = await makeNamespace(context, "kube-wrong");
    const wrong = (spec: object): Promise<void> =>
      apply(namespace, policy("AuthorizationPolicy", "wrong", spec));
    await assert.rejects(
      wrong({ action: "Deny", rules: [{ to: { methods: ["get"] } }] }),
      /spec\.rules\[0\]\.to\.methods\[0\].*methods are written in capital letters, like GET/s,
    );
    await assert.rejects(
      wrong({ action: "Deny", rules: [{ form: {} }] }),
      /unknown field "(?:spec\.rules\[0\]\.)?form"/,
    );
    await assert.rejects(
      apply(namespace, policy("MeshPolicy", "wrong", {})),
      /a MeshPolicy needs mtls, defaultAction or ports/,
    );
  });
});

async function deployServer(
  context: TestContext,
  name: string,
): Promise<{ namespace: string; host: string }> {
  const namespace = await makeNamespace(context, name, injectLabel);
  const ports = { http: 8080, tcp: 7000 };
  await deployApps(namespace, { name: "server", containers: [serverContainer], ports });
  return { namespace, host: `server.${namespace}` };
}

/** Control has written these conditions, as `TYPE STATUS REASON`. */
async function becomes(
  namespace: string,
  name: string,
  expected: readonly string[],
): Promise<void> {
  await eventually(
    expected.join(", "),
    async () => {
      const { status } = await getObject(namespace, "authorizationpolicy", name);
      const all = (status?.["conditions"] ?? []) as Record<string, string>[];
      const told = all.map(({ type, status, reason }) => `${type} ${status} ${reason}`).sort();
      return told.join() === expected.join();
    },
    // Whoever comes or goes has policies looked at after ten seconds.
    30_000,
  );
}

function policy(kind: string, name: string, spec: object): object {
  return { apiVersion: "policy.remora.dev/v1alpha1", kind, metadata: { name }, spec };
}
