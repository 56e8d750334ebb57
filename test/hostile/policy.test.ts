/**
 * Paths that mean one thing to the sidecar and another to a server: none may reach an application past a rule. The judge is
 * an application that makes of a path whatever any server is known to make of it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { connect, type Server } from "node:net";
import { posix } from "node:path";
import { after, before, test } from "node:test";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "../proxy/mesh-pair.ts";
import { policiesOf } from "../proxy/policy-manifests.ts";
import { createStrictBackend } from "./strict-backend.ts";

const authority = createTestAuthority();
/** What reached an application, by whichever way. */
const seen: string[] = [];
const backend = createStrictBackend(({ path }) => seen.push(path));
const backend2 = createHttp2Server((request, response) => {
  seen.push(request.url);
  response.end();
});
const ports = { http1: 0, http2: 0 };
let client: TestPod;
let server: TestPod;

before(async () => {
  client = await startTestPod({ ip: "127.0.0.32", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.0.33", serviceAccount: "server", authority });
  ports.http1 = await listen(backend.server);
  ports.http2 = await listen(backend2);
  const service = serviceOf([meshEndpoint(server, ports.http1)], "http1");
  client.destinations.set("10.96.3.1:80", service);
  client.origDst = { ip: "10.96.3.1", port: 80 };
});

async function listen(application: Server): Promise<number> {
  application.listen(0, server.ip);
  await once(application, "listening");
  return (application.address() as { port: number }).port;
}

after(async () => {
  await client.stop();
  await server.stop();
  backend.server.close();
  backend2.close();
});

const steps: readonly ((path: string) => string)[] = [
  (path) =>
    path.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    ),
  (path) => path.replaceAll("\\", "/"),
  (path) => path.replace(/;[^/]*/g, ""),
  (path) => posix.normalize(path),
  (path) => path.replace(/\0.*$/s, ""),
  (path) => path.replace(/[\t\n\r ]+$/, ""),
  (path) => path.replace(/\xc0\xaf|\xc1\x9c/g, "/"),
  (path) => path.replaceAll("\xc0\xae", "."),
];

/** Everything that servers make of a path by any of these steps, in any order, as often as they like. */
function readingsOf(target: string): Set<string> {
  const readings = new Set([target.split("?")[0] ?? ""]);
  for (const reading of readings) {
    for (const step of steps) readings.add(step(reading));
  }
  return readings;
}

const pieces = [
  "..",
  ".",
  "%2e%2e",
  "%2E.",
  "..;",
  "..;a=b",
  "x",
  "%2f..",
  "..%2f",
  "%5c..",
  "%252e%252e",
];
const joints = ["/", "//", "\\", "%2f", "%5C", "/;/", "%252f", "/./"];
const words = [
  "admin",
  "%61dmin",
  "admi%6e",
  "%2561dmin",
  "admin;x=1",
  "admin%3bx",
  "admin%00",
  "admin%09",
  "admin%0a",
  "admin%20",
];

/** Ways into the folder that are put together from the pieces. */
function waysInto(start: string): string[] {
  const ways: string[] = [];
  for (const word of words) {
    for (const joint of joints) {
      ways.push(`${joint}${word}`, `/${word}${joint}`, `${start}${joint}..${joint}${word}`);
      for (const piece of pieces) ways.push(`${start}${joint}${piece}${joint}${word}${joint}users`);
    }
  }
  ways.push(
    "/x/%c0%ae%c0%ae/admin",
    "/%c0%afadmin",
    "/%c1%9cadmin",
    "admin",
    "./admin",
    "/%%61dmin",
    "/%u0061dmin",
  );
  return ways;
}

/** What was answered before the connection ended, in order or by a reset. */
async function sendHttp1(to: { host: string; port: number }, path: string): Promise<string> {
  const socket = connect(to);
  const { promise, resolve } = Promise.withResolvers<void>();
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.write(`GET ${path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n`, "latin1");
  await promise;
  return answer;
}

const entrances = {
  mesh: { host: "127.0.0.32", port: 15_001 },
  plaintext: { host: "127.0.0.33", port: 15_006 },
};
const isAdmin = (reading: string): boolean => /^\/*admin(\/|$)/.test(reading);
const isPublic = (reading: string): boolean => /^\/*public(\/|$)/.test(reading);

/** Gives how many were refused with a reason. */
async function sendAll(paths: readonly string[]): Promise<number> {
  let refused = 0;
  seen.length = 0;
  server.inboundDst = { ip: server.ip, port: ports.http1 };
  for (const to of Object.values(entrances)) {
    for (const path of paths) {
      if (/^HTTP\/1\.1 40[03]/.test(await sendHttp1(to, path))) refused += 1;
    }
  }
  server.inboundDst = { ip: server.ip, port: ports.http2 };
  for (const path of paths) await sendHttp2(entrances.plaintext, path);
  return refused;
}

/** A connection for each, since a malformed path may end it. */
async function sendHttp2(to: { host: string; port: number }, path: string): Promise<void> {
  const session = connectHttp2(`http://${to.host}:${to.port}`);
  session.on("error", () => {});
  const stream = session.request({ ":path": path });
  stream.on("error", () => {});
  stream.resume();
  await new Promise<void>((resolve) => stream.on("close", () => resolve()));
  session.destroy();
}

test("no spelling of /admin reaches a server that could take it for /admin", async () => {
  server.policies.set(
    policiesOf({
      p: "AuthorizationPolicy {action: Deny, rules: [{to: {paths: [/admin, '/admin/*']}}]}",
    }),
  );
  const ways = waysInto("/public");
  const refused = await sendAll(ways);
  assert.deepEqual(
    seen.filter((path) => [...readingsOf(path)].some(isAdmin)),
    [],
  );
  assert.ok(refused > ways.length, `${refused} refused`);
});

test("nothing but /public reaches a server past a rule that lets only /public in", async () => {
  server.policies.set(
    policiesOf({
      p: "AuthorizationPolicy {action: Allow, rules: [{to: {paths: [/public, '/public/*']}}]}",
    }),
  );
  await sendAll(waysInto("/public"));
  assert.deepEqual(
    seen.filter((path) => ![...readingsOf(path)].every(isPublic)),
    [],
  );
});

test("what reaches the application is in the form in which it was judged", async () => {
  server.policies.set(
    policiesOf({ p: "AuthorizationPolicy {action: Allow, rules: [{to: {paths: [/public/*]}}]}" }),
  );
  await sendAll(["/x/../public//a", "/public/x%20%79", "/public/a?b=/../admin"]);
  const once = ["/public/a", "/public/x%20y", "/public/a?b=/../admin"];
  assert.deepEqual(seen, [...once, ...once, ...once]);
  assert.deepEqual(backend.faults, []);
});
