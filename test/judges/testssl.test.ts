/** testssl.sh, which knows TLS from outside, looks at the mesh port. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../apps/program.ts";
import { createTestAuthority, startTestPod } from "../proxy/mesh-pair.ts";

const skip =
  spawnSync("testssl", ["--version"]).error !== undefined && "testssl.sh is not installed";

interface Finding {
  readonly id: string;
  readonly finding: string;
  readonly severity: string;
}

test("testssl.sh finds TLS 1.3 with h2 at the mesh port, and nothing older", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-testssl-"));
  const report = join(folder, "report.json");
  const pod = await startTestPod({
    ip: "127.0.1.82",
    serviceAccount: "server",
    authority: createTestAuthority(),
  });
  try {
    const quiet = ["--quiet", "--warnings", "off", "--color", "0", "--fast"];
    const command = ["testssl", ...quiet, "--jsonfile", report, "--protocols", `${pod.ip}:15008`];
    const { text } = await runProgram(command, {}, 300_000);
    const findings = JSON.parse(readFileSync(report, "utf8")) as Finding[];
    const found = new Map(findings.map(({ id, finding }) => [id, finding]));
    for (const old of ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"]) {
      assert.match(found.get(old) ?? "", /^not offered/, text);
    }
    assert.match(found.get("TLS1_3") ?? "", /^offered/, text);
    assert.match(found.get("ALPN_HTTP2") ?? found.get("ALPN") ?? "", /h2/, text);
    const bad = findings.filter(({ severity }) => /^(?:MEDIUM|HIGH|CRITICAL)$/.test(severity));
    assert.deepEqual(bad, [], text);
  } finally {
    await pod.stop();
    rmSync(folder, { recursive: true });
  }
});
