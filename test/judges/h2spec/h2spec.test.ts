/** h2spec and h2specd, all cases, against the bare engines over loopback. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type {
  MessageReader,
  RequestAcceptor,
  RequestHead,
} from "../../../src/protocol/exchange.ts";
import { createHttp2Server } from "../../../src/protocol/http2/server.ts";
import { attachEngine } from "../../protocol-http2/socket-host.ts";
import { buildGoJudge, findGo, noGo } from "../../support/go-judge.ts";
import { tellVerdict } from "../verdict.ts";

const skip = findGo() === undefined ? noGo : false;
const commands = "github.com/summerwind/h2spec/cmd";

test("the server engine passes every case of h2spec, strict ones too", { skip }, async (t) => {
  const judge = await build("h2spec");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    attachEngine(socket, (host) => createHttp2Server(host, helloAcceptor));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const scratch = mkdtempSync(join(tmpdir(), "remora-h2spec-"));
  try {
    const report = join(scratch, "report.xml");
    const where = ["-h", "127.0.0.1", "-p", String(port)];
    const output = await run(judge, [...where, "-o", "1", "--strict", "-j", report]);
    const result = readReport(readFileSync(report, "utf8"));
    tellVerdict(t, {
      judge: "h2spec",
      against: "server engine",
      passed: result.total - result.failed.length,
      of: result.total,
      notPassed: result.failed,
    });
    assert.deepEqual(result.failed, [], output);
    assert.equal(result.total, 146);
  } finally {
    server.close();
    rmSync(scratch, { recursive: true, force: true });
  }
});

test("the client engine passes every case of h2specd", { skip }, async (t) => {
  const judge = await build("h2specd");
  const scratch = mkdtempSync(join(tmpdir(), "remora-h2specd-"));
  try {
    const client = join(scratch, "client.sh");
    const program = new URL("one-request.ts", import.meta.url).pathname;
    // h2specd runs `COMMAND URL` and splits the command at spaces.
    writeFileSync(client, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, {
      mode: 0o755,
    });
    // It listens on one port per case from this one on.
    const where = ["-h", "127.0.0.1", "-f", "31000"];
    const output = await run(judge, [...where, "-o", "1", "--strict", "-e", client]);
    const summary = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output);
    const [of = 0, passed = 0] = summary?.slice(1).map(Number) ?? [];
    tellVerdict(t, {
      judge: "h2specd",
      against: "client engine",
      passed,
      of,
      notPassed: passed === of ? [] : [output],
    });
    assert.deepEqual(summary?.slice(1).map(Number), [57, 57, 0, 0], output);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

/** Answers every request, once it is whole, with 200 and a body. */
const helloAcceptor: RequestAcceptor = {
  onRequest(_head, end, response) {
    const answer = (): void => {
      const body = Buffer.from("hello");
      response.head({ status: 200, headers: ["content-length", `${body.length}`] }, false);
      response.data(body, true);
    };
    if (end) answer();
    const reader: MessageReader<RequestHead> = {
      onHead() {},
      onData(chunk, last) {
        response.grant(chunk.length);
        if (last) answer();
      },
      onTrailers: answer,
      onReset() {},
      onCredit() {},
    };
    return reader;
  },
};

async function build(command: string): Promise<string> {
  const folder = new URL(".", import.meta.url).pathname;
  return join(await buildGoJudge(folder, [`${commands}/${command}`]), command);
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  // h2specd complains here without end about listeners that it has closed itself.
  child.stderr.resume();
  await once(child, "close");
  return output;
}

interface Report {
  readonly total: number;
  readonly failed: readonly string[];
}

/** Every case of a JUnit report counts; skipped ones are not passed. */
function readReport(xml: string): Report {
  const cases = xml.match(/<testcase [^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g) ?? [];
  const failed = cases.filter((text) => /<(?:failure|error|skipped)/.test(text));
  return { total: cases.length, failed: failed.map((text) => text.slice(0, 400)) };
}
