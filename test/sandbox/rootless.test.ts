import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { findProgram } from "../../src/local/sandbox/privileges.ts";
import { markProcess } from "../../src/local/sandbox/state.ts";
import { eventually, node, project, skip } from "./pods.ts";

const nobody = 65_534;

/** Where nobody sees the checkout, which may lie in a home that is closed to others. */
const place = "/mnt/";

function whySkip(): string | false {
  if (skip !== false) return skip;
  if (findProgram("newuidmap") === undefined) return "newuidmap is not installed";
  if (readFileSync("/proc/sys/user/max_user_namespaces", "utf8").trim() === "0") {
    return "user namespaces are switched off";
  }
  return false;
}

/** How to run the program as `nobody`, in a mount namespace where /etc/subuid and /etc/subgid have the given text. */
function asNobody(context: TestContext, ids: string): readonly [string, readonly string[]] {
  const directory = mkdtempSync("/tmp/remora-ids-");
  context.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "ids"), ids);
  const mounts = [
    [join(directory, "ids"), "/etc/subuid"],
    [join(directory, "ids"), "/etc/subgid"],
    [project, place],
  ].map(([from, to]) => `mount --bind "${from}" ${to}`);
  const change = `setpriv --reuid=${nobody} --regid=${nobody} --clear-groups`;
  const script = `${mounts.join(" && ")} && exec ${change} "$@"`;
  const program = node(join(project, "test/sandbox/rootless-program.ts")).map((word) =>
    word.replace(project, place),
  );
  return ["unshare", ["--mount", "sh", "-c", script, "sh", ...program]];
}

const options = { encoding: "utf8", cwd: "/", timeout: 60_000 } as const;

suite("without root", { skip: whySkip() }, () => {
  test("pods run in a user namespace, with their users, rules and mounts", (context) => {
    const [command, args] = asNobody(context, "nobody:300000:65536\n");
    const result = spawnSync(command, args, options);
    assert.equal(result.status, 7, result.stderr);
    assert.deepEqual(JSON.parse(result.stdout), {
      answer: "direct",
      init: 0,
      mounted: 0,
      known: true,
      crossed: [{ port: 80, tls: false }],
    });
  });

  test("a user without subordinate ids is told how to get them", (context) => {
    const [command, args] = asNobody(context, "");
    const result = spawnSync(command, args, options);
    assert.equal(result.status, 69);
    assert.match(result.stderr, /^nobody has no 65535 subordinate ids: [^\n]*usermod[^\n]*\n$/);
  });

  test("kill -9 of the outer program ends the inner one and its containers", async (context) => {
    const [command, args] = asNobody(context, "nobody:300000:65536\n");
    const outer = spawn(command, args, {
      cwd: "/",
      env: { ...process.env, HOLD: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => void outer.kill("SIGKILL"));
    const [line] = (await once(outer.stdout, "data")) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { readonly pid: number };
    assert.ok(markProcess(pid), "the number that the inner program tells is the host's");
    outer.kill("SIGKILL");
    await eventually("the container is gone", () => markProcess(pid) === undefined);
  });
});
