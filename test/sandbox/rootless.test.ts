import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { findProgram } from "../../src/local/sandbox/privileges.ts";
import { node, project, skip } from "./pods.ts";

const nobody = 65_534;

/** Everyone must be able to read the checkout that nobody is to run. */
function isReachable(path: string): boolean {
  if (path === "/") return true;
  return (statSync(path).mode & 0o005) === 0o005 && isReachable(dirname(path));
}

function whySkip(): string | false {
  if (skip !== false) return skip;
  if (findProgram("newuidmap") === undefined) return "newuidmap is not installed";
  if (readFileSync("/proc/sys/user/max_user_namespaces", "utf8").trim() === "0") {
    return "user namespaces are switched off";
  }
  return isReachable(join(project, "node_modules")) ? false : "others may not read this checkout";
}

/** Runs the program as `nobody`, in a mount namespace where /etc/subuid and /etc/subgid have the given text. */
function runAsNobody(context: TestContext, ids: string, program: string) {
  const directory = mkdtempSync("/tmp/remora-ids-");
  context.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "ids"), ids);
  const script = `mount --bind ${directory}/ids /etc/subuid && mount --bind ${directory}/ids /etc/subgid && exec setpriv --reuid=${nobody} --regid=${nobody} --clear-groups "$@"`;
  const command = ["--mount", "sh", "-c", script, "sh", ...node(join(project, program))];
  return spawnSync("unshare", command, { encoding: "utf8", cwd: "/", timeout: 60_000 });
}

suite("without root", { skip: whySkip() }, () => {
  test("pods run in a user namespace, with their users, rules and mounts", (context) => {
    const ids = "nobody:300000:65536\n";
    const result = runAsNobody(context, ids, "test/sandbox/rootless-program.ts");
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
    const result = runAsNobody(context, "", "test/sandbox/rootless-program.ts");
    assert.equal(result.status, 69);
    assert.match(result.stderr, /^nobody has no 65535 subordinate ids: [^\n]*usermod[^\n]*\n$/);
  });
});
