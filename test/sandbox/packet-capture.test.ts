import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import { startCapture } from "../../src/local/sandbox/packet-capture.ts";
import { createTestNetwork, node, project, run, sawLine, skip, start } from "./pods.ts";

const answer = join(project, "test/capture/answer.ts");
const ask = join(project, "test/capture/ask.ts");
const tlsPair = join(project, "test/sandbox/tls-pair.ts");

suite("a capture on the bridge", { skip }, () => {
  test("sees plain text between pods, and says what it was", async (context) => {
    const network = createTestNetwork(context);
    const [server, client] = [network.addPod(), network.addPod()];
    const container = start({ command: node(answer, "", "80"), network: server });
    await sawLine(container, "listening");
    const capture = startCapture(network.bridge);
    await run({ command: node(ask, server.ip, "80"), network: client });
    assert.ok(server.ip6);
    await run({ command: node(ask, server.ip6, "80"), network: client });
    container.kill("SIGKILL");
    await container.exited;
    const summary = capture.stop();
    assert.equal(summary.dropped, 0);
    assert.deepEqual(summary.ports, [
      { port: 80, connections: 2, payloadBytes: 12, tls: false, sample: "direct" },
    ]);
  });

  test("recognizes TLS, also in bulk", async (context) => {
    const network = createTestNetwork(context);
    const [server, client] = [network.addPod(), network.addPod()];
    const container = start({ command: node(tlsPair, "serve"), network: server });
    await sawLine(container, "listening");
    const capture = startCapture(network.bridge);
    const result = await run({ command: node(tlsPair, server.ip), network: client });
    assert.equal(result.output, "8000000\n", result.errors);
    container.kill("SIGKILL");
    await container.exited;
    const summary = capture.stop();
    assert.equal(summary.dropped, 0);
    assert.deepEqual(
      summary.ports.map(({ port, tls, sample }) => ({ port, tls, sample })),
      [{ port: 443, tls: true, sample: undefined }],
    );
    assert.ok((summary.ports[0]?.payloadBytes ?? 0) > 8_000_000);
  });
});
