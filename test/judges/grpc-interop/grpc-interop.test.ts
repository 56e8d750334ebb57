import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { freePorts } from "../../apps/free-ports.ts";
import { type Program, runProgram, startProgram } from "../../apps/program.ts";
import { type Mesh, needs, until } from "../../mesh/mesh.ts";
import { startTwoPods } from "../../mesh/two-pods.ts";
import { buildGoJudge, findGo, noGo } from "../../support/go-judge.ts";
import { tellVerdict, type Verdict } from "../verdict.ts";

/** The cases of the gRPC project's interoperability suite that need no cloud credentials. */
const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak",
] as const;

/** How often each case runs through the mesh; a nightly run sets a larger number. */
const loops = Number(process.env["INTEROP_LOOPS"] ?? 20);
/** With connections that break the same takes longer, since clients wait before they dial again. */
const brokenLoops = Number(process.env["INTEROP_BROKEN_LOOPS"] ?? 5);

/**
 * A call that is cut ends as UNAVAILABLE, which the cases say in three ways. Within a message grpc-go sees the missing bytes first,
 * and calls that INTERNAL whatever the trailers say; sending on a stream that is gone is EOF to it.
 */
const tellsOfBreak =
  /code = Unavailable|error code 14, want|, Unavailable, want|code = Internal desc = unexpected EOF|has error EOF while sending/;

const judge = "gRPC interop (grpc-go)";
const packages = ["google.golang.org/grpc/interop/client", "google.golang.org/grpc/interop/server"];

describe("gRPC interoperability", { skip: findGo() === undefined ? noGo : false }, () => {
  let folder: string;
  before(async () => {
    folder = await buildGoJudge(import.meta.dirname, packages);
  });

  describe("directly", () => {
    let server: Program;
    let port: number;
    before(async () => {
      [port = 0] = await freePorts(1);
      server = await startProgram([`${folder}/server`, "-port", String(port)]);
      // It says nothing when it listens.
      await until(10_000, () => accepts(port));
    });
    after(() => server[Symbol.asyncDispose]());

    for (const name of cases) {
      test(`${name} passes`, async () => {
        const client = [`${folder}/client`, "-server_host", "localhost"];
        const { code, text } = await runProgram([
          ...client,
          "-server_port",
          String(port),
          "-test_case",
          name,
        ]);
        assert.equal(code, 0, text);
      });
    }
  });

  describe("between two captured pods", needs(), () => {
    let mesh: Mesh;
    before(async () => {
      const command = [`${folder}/server`, "-port", "10000"];
      // A port that says nothing: that it speaks HTTP/2 has to be found out.
      mesh = await startTwoPods({
        purpose: "interop",
        service: "interop",
        command,
        ports: [{ port: 10_000 }],
      });
    });
    after(() => mesh?.[Symbol.asyncDispose]());

    for (const name of cases) {
      test(`${name} passes ${loops} times`, async (t) => {
        const runs = await runLoop(mesh, folder, name, loops);
        tellVerdict(t, verdictOf(name, runs));
        assert.deepEqual(
          runs.filter((end) => end !== "ok"),
          [],
        );
      });
    }
  });

  describe("with an application whose connections break", needs(), () => {
    let mesh: Mesh;
    before(async () => {
      const relay = "test/judges/grpc-interop/reset-relay.ts";
      const shell = `${folder}/server -port 10001 & exec node ${relay} 10000 10001 1`;
      mesh = await startTwoPods({
        purpose: "interop-resets",
        service: "interop",
        command: ["sh", "-c", shell],
        ports: [{ port: 10_000 }],
      });
    });
    after(() => mesh?.[Symbol.asyncDispose]());

    for (const name of cases) {
      test(`${name} passes or ends with an error that tells of the break, ${brokenLoops} times`, async (t) => {
        // A soak goes on after failures, and is asked only to come to its end.
        const options = name.endsWith("_soak") ? ["-soak_max_failures", "1000"] : [];
        const runs = await runLoop(mesh, folder, name, brokenLoops, options);
        const others = runs.filter((end) => end !== "ok" && !tellsOfBreak.test(end));
        tellVerdict(t, {
          judge,
          against: "the same with an application that resets 1 % of its answers",
          passed: runs.length - others.length,
          of: runs.length,
          notPassed: others.map((end) => `${name}: ${end}`),
        });
        assert.deepEqual(others, []);
      });
    }

    test("connections did break", async () => {
      const { text } = await mesh.remora("logs", "deploy/interop", "-n", "interop-resets");
      assert.match(text, /reset after/);
    });
  });
});

/** Runs one case in the client's pod, again and again: how each run ended, `ok` or its last words, which may be many lines. */
async function runLoop(
  mesh: Mesh,
  folder: string,
  name: string,
  loops: number,
  options: readonly string[] = [],
): Promise<readonly string[]> {
  const where = "-server_host interop -server_port 10000";
  const client = `${folder}/client ${where} -test_case ${name} ${options.join(" ")}`;
  const once = `out=$(timeout 60 ${client} 2>&1) && echo ok || echo "not ok: $(echo "$out" | sed -n "/FATAL/,\\$p" | tr "\\n" " " | cut -c 1-600)"`;
  const loop = ["sh", "-c", `for i in $(seq ${loops}); do ${once}; done`];
  const { text } = await mesh.exec("deploy/client", loop, { timeoutMillis: 600_000 });
  const runs = text.trimEnd().split("\n");
  assert.equal(runs.length, loops, text);
  return runs;
}

function verdictOf(name: string, runs: readonly string[]): Verdict {
  const failed = runs.filter((end) => end !== "ok");
  const notPassed = failed.map((end) => `${name}: ${end}`);
  const against = "two captured pods";
  return { judge, against, passed: runs.length - failed.length, of: runs.length, notPassed };
}

async function accepts(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
}
