/** A sidecar that meets the limit of its memory, which the kernel enforces: it sheds load, and nobody else notices. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, type TestContext, test } from "node:test";
import { eventually } from "../control/eventually.ts";
import {
  deployApps,
  endsOf,
  execIn,
  injectLabel,
  podOf,
  restartsOf,
  samplesOf,
  sum,
} from "./app.ts";
import { apply, kubectl, makeNamespace, scriptContainer } from "./kube.ts";
import { installMesh, uninstallMesh } from "./mesh.ts";

const limit = "64Mi";

/** Takes requests and reads no body. */
const server = `require("node:http").createServer((request, response) => {
  if (request.method === "GET") response.end("hello");
}).listen(8080)`;

/** Opens connections without end; of each the server gets a head as large as allowed and part of a body, at once. */
const attack = `
const net = require("node:net");
const head = "POST / HTTP/1.1\\r\\nhost: server\\r\\ncontent-length: 9999999\\r\\n" + ("x-fill: " + "y".repeat(4000) + "\\r\\n").repeat(10) + "\\r\\n";
const bytes = Buffer.concat([Buffer.from(head), Buffer.alloc(1e6)]);
(function dial() {
  const socket = net.connect(8080, process.argv[1]);
  socket.on("connect", () => { socket.write(bytes); dial() });
  socket.on("error", () => {}).on("close", () => setImmediate(dial));
})();
`;

/** Processes that want the node's processors beside the attack: a sidecar that gets none lets connections pile up. */
const busyLoops = Number(process.env["KUBE_BUSY_LOOPS"] ?? "0");

before(() => installMesh());
after(() => uninstallMesh());

test("a sidecar at its memory's limit refuses work and lives", async (context) => {
  keepBusy(context);
  const namespace = await makeNamespace(context, "kube-limit", injectLabel);
  const outside = await makeNamespace(context, "kube-limit-outside");
  await deployApps(
    namespace,
    {
      name: "server",
      containers: [scriptContainer("server", server)],
      ports: { http: 8080 },
      annotations: { "config.remora.dev/proxy-memory-limit": limit },
    },
    { name: "client", containers: [scriptContainer("client", "setInterval(() => {}, 1e6)")] },
  );
  const ask = `fetch("http://server:8080/").then((a) => console.log(a.status), (e) => console.log(e.cause?.code))`;
  const askServer = (): Promise<string> => execIn(namespace, "client", ["node", "-e", ask]);
  assert.equal(await askServer(), "200\n");
  const { metadata, status } = await podOf(namespace, "server");

  const attacker = scriptContainer("attacker", attack, {
    command: ["node", "-e", attack, status.podIP],
  });
  await apply(outside, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "attacker" },
    spec: { terminationGracePeriodSeconds: 0, containers: [attacker] },
  });
  const shed = async (): Promise<number> =>
    sum(await samplesOf(namespace, metadata.name).catch(() => []), "remora_load_shed_total");
  await eventually("load that is shed", async () => (await shed()) > 100, 120_000);
  // It stays where it is while the load goes on.
  await eventually("more of it", async () => (await shed()) > 2_000, 120_000);
  await kubectl(["delete", "pod", "attacker", "-n", outside]);
  await eventually("an answer", async () => (await askServer()) === "200\n", 60_000);
  const pod = await podOf(namespace, "server");
  assert.deepEqual(restartsOf(pod), {}, await endsOf(namespace, pod));
  context.diagnostic(`shed ${await shed()} times under a limit of ${limit}`);
});

function keepBusy(context: TestContext): void {
  const loops = Array.from({ length: busyLoops }, () => spawn("sh", ["-c", "while :; do :; done"]));
  context.after(() => {
    for (const loop of loops) loop.kill();
  });
}
