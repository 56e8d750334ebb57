/** h2spec, all cases, against the mesh port itself: behind a byte tunnel that holds a mesh certificate. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import { freePorts } from "../apps/free-ports.ts";
import { startProgram } from "../apps/program.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  startTestPod,
  type TestAuthority,
  trustDomain,
} from "../proxy/mesh-pair.ts";
import { buildGoJudge, findGo, noGo } from "../support/go-judge.ts";
import { DestinationAdder } from "./destination-adder.ts";
import { tellVerdict } from "./verdict.ts";

const skip = findGo() === undefined ? noGo : false;

test("every strict case of h2spec passes against the mesh port", { skip }, async (t) => {
  const judge = await buildGoJudge(join(import.meta.dirname, "h2spec"), [
    "github.com/summerwind/h2spec/cmd/h2spec",
  ]);
  const authority = createTestAuthority();
  const pod = await startTestPod({ ip: "127.0.1.22", serviceAccount: "server", authority });
  const [appPort] = await freePorts(1);
  await using app = await startProgram([
    process.execPath,
    "test/judges/h2spec-backend.ts",
    `${appPort}`,
  ]);
  await app.output(/listening/);
  const tunnel = createTunnel(authority, pod.ip, `${appPort}`);
  tunnel.listen(0, "127.0.0.1");
  await once(tunnel, "listening");
  try {
    const { port } = tunnel.address() as AddressInfo;
    const text = await run(`${judge}/h2spec`, ["-p", String(port), "-o", "1", "--strict"]);
    const [, total, passed] = /(\d+) tests, (\d+) passed/.exec(text) ?? [];
    const failures = text.slice(Math.max(0, text.indexOf("Failures:")));
    tellVerdict(t, {
      judge: "h2spec",
      against: "mesh port 15008",
      passed: Number(passed),
      of: Number(total),
      notPassed: passed === total ? [] : [failures],
    });
    assert.equal(`${passed} of ${total}`, "146 of 146", failures);
  } finally {
    tunnel.close();
    await pod.stop();
  }
});

/** Bytes in, the same bytes over TLS out but for the destination, with FIN and reset handed on. */
function createTunnel(authority: TestAuthority, host: string, destination: string): Server {
  const id = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "judge" });
  const { key, cert } = issueTestLeaf(authority, id);
  return createServer({ allowHalfOpen: true }, (plain) => {
    const secure = connect({
      host,
      port: 15_008,
      ca: authority.pem,
      key,
      cert,
      ALPNProtocols: ["h2"],
      checkServerIdentity: () => undefined,
    });
    const adder = new DestinationAdder(destination);
    plain.on("error", () => secure.destroy());
    plain.on("close", () => secure.destroy());
    secure.on("error", () => plain.destroy());
    secure.on("close", () => plain.destroy());
    plain.on("data", (chunk) => void secure.write(adder.push(chunk as Buffer)));
    plain.on("end", () => secure.end(adder.flush()));
    secure.pipe(plain);
  });
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 16 << 20 }, (_error, stdout) => resolve(stdout));
  });
}
