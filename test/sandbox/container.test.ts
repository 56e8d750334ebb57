import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import type { ContainerProcess } from "../../src/local/sandbox/launch.ts";
import { exec, LaunchError } from "../../src/local/sandbox/launch.ts";
import { createTestNetwork, eventually, run, skip, start } from "./pods.ts";

const shell = (script: string) => ["sh", "-c", script];
const root = { uid: 0, gid: 0, groups: [] };

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync("/tmp/remora-test-");
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function startSleeper(context: TestContext, script = "exec sleep 600"): ContainerProcess {
  const container = start({ command: shell(script) });
  context.after(async () => {
    container.kill("SIGKILL");
    await container.exited;
  });
  return container;
}

function statusField(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1];
}

suite("a container", { skip }, () => {
  test("has exactly the user, groups and capabilities of its spec", async () => {
    const { output } = await run({
      command: ["cat", "/proc/self/status"],
      user: { uid: 1234, gid: 1235, groups: [7, 8] },
      capabilities: ["NET_ADMIN"],
    });
    assert.equal(statusField(output, "Uid"), "1234\t1234\t1234\t1234");
    assert.equal(statusField(output, "Gid"), "1235\t1235\t1235\t1235");
    assert.equal(statusField(output, "Groups")?.trim(), "7 8");
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.equal(statusField(output, set), "0000000000001000", set);
    }
    assert.equal(statusField(output, "NoNewPrivs"), "1");
  });

  test("of root without capabilities has none, and may gain none", async () => {
    const { output } = await run({ command: ["cat", "/proc/self/status"], user: root });
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
      assert.equal(statusField(output, set), "0000000000000000", set);
    }
  });

  test("starts as every program does: no ignored signals, no descriptors but three", async () => {
    const { output } = await run({
      command: shell("cat /proc/self/status; ls /proc/self/fd | wc -l"),
    });
    assert.equal(statusField(output, "SigIgn"), "0000000000000000");
    assert.equal(statusField(output, "SigBlk"), "0000000000000000");
    // The fourth is the directory that ls reads.
    assert.equal(output.trimEnd().split("\n").at(-1)?.trim(), "4");
  });

  test("sees its own processes only, and nothing in /tmp and /run", async (context) => {
    writeFileSync(join(temporaryDirectory(context), "secret"), "");
    const { output } = await run({ command: shell("echo $$; ls /tmp; ls /run; ls -d /proc/2*") });
    const lines = output.trimEnd().split("\n");
    assert.equal(lines[0], "1");
    assert.ok(lines.every((line) => !line.includes("remora-test")));
  });

  test("writes to a private layer: the host does not change", async () => {
    const { output, code } = await run({
      command: shell("echo mine > /etc/remora-test && cat /etc/remora-test"),
      user: root,
      capabilities: ["DAC_OVERRIDE"],
    });
    assert.deepEqual([code, output], [0, "mine\n"]);
    assert.equal(existsSync("/etc/remora-test"), false);
  });

  test("with a read-only root writes only to its mounts", async (context) => {
    const directory = temporaryDirectory(context);
    const { output } = await run({
      command: shell(
        "for f in /x /etc/x /usr/x /tmp/x /data/x; do touch $f 2>/dev/null && echo $f; done",
      ),
      user: root,
      capabilities: ["DAC_OVERRIDE"],
      readOnlyRoot: true,
      mounts: [{ kind: "bind", source: directory, target: "/data", readOnly: false }],
    });
    assert.equal(output, "/tmp/x\n/data/x\n");
    assert.ok(existsSync(join(directory, "x")));
  });

  test("has files and directories of the host where its spec mounts them", async (context) => {
    const directory = temporaryDirectory(context);
    writeFileSync(join(directory, "hosts"), "10.0.0.1 web\n");
    const { output } = await run({
      command: shell(
        "cat /etc/hosts /var/run/secrets/a/b/hosts; stat -c %a /run/remora; touch /etc/hosts; cat /etc/resolv.conf",
      ),
      user: { ...root },
      mounts: [
        { kind: "bind", source: join(directory, "hosts"), target: "/etc/hosts", readOnly: true },
        { kind: "bind", source: directory, target: "/var/run/secrets/a/b", readOnly: true },
        {
          kind: "bind",
          source: join(directory, "hosts"),
          target: "/etc/resolv.conf",
          readOnly: true,
        },
        { kind: "tmpfs", target: "/var/run/remora", mode: 0o700 },
      ],
    });
    assert.equal(output, "10.0.0.1 web\n10.0.0.1 web\n700\n10.0.0.1 web\n");
    assert.equal(readFileSync(join(directory, "hosts"), "utf8"), "10.0.0.1 web\n");
  });

  test("has its hostname, environment and directory, and nothing of the caller's", async () => {
    const { output } = await run({
      command: shell("hostname; pwd; env | sort"),
      hostname: "web-1",
      workingDir: "/usr",
      env: { PATH: "/bin:/usr/bin", COLOR: "blue" },
    });
    assert.equal(output, "web-1\n/usr\nCOLOR=blue\nPATH=/bin:/usr/bin\nPWD=/usr\n");
  });

  test("may open /dev/stdout anew", async () => {
    assert.equal((await run({ command: shell("echo hello > /dev/stdout") })).output, "hello\n");
  });

  test("passes on exit codes and signals", async (context) => {
    assert.equal((await run({ command: shell("exit 7") })).code, 7);
    const container = startSleeper(
      context,
      "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done",
    );
    await container.started;
    await new Promise((resolve) => container.stdout?.once("data", resolve));
    container.kill("SIGTERM");
    assert.deepEqual(await container.exited, { code: 9, signal: undefined });
  });

  test("is ended by a signal that its first process does not handle", async (context) => {
    const container = startSleeper(context);
    await container.started;
    container.kill("SIGTERM");
    assert.deepEqual(await container.exited, { code: 143, signal: "SIGTERM" });
    assert.equal(container.kill("SIGTERM"), false);
  });

  test("ends with all that it started, whatever group that is in", async (context) => {
    const container = startSleeper(context, "setsid sleep 600 & exec sleep 600");
    await container.started;
    const children = () =>
      readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").trim();
    await eventually("the container has a child", () => children() !== "");
    const child = children();
    container.kill("SIGKILL");
    await container.exited;
    await eventually("the child is gone", () => !existsSync(`/proc/${child}`));
  });

  test("runs more commands inside, as the user that is asked for", async (context) => {
    const network = createTestNetwork(context);
    const container = start({
      command: shell("echo there > /tmp/file && exec sleep 600"),
      network: network.addPod(),
      hostname: "web-1",
    });
    await container.started;
    await eventually("the file is there", () => existsSync(`/proc/${container.pid}/root/tmp/file`));
    const inside = exec(container.pid, {
      command: shell("cat /tmp/file; hostname; id -u; ls -d /proc/1; exit 3"),
      env: { PATH: "/bin:/usr/bin" },
      user: { uid: 77, gid: 78, groups: [] },
      capabilities: [],
    });
    let output = "";
    inside.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    assert.equal((await inside.exited).code, 3);
    assert.equal(output, "there\nweb-1\n77\n/proc/1\n");
    container.kill("SIGKILL");
    await container.exited;
    assert.throws(
      () => exec(container.pid, { command: ["true"], env: {}, user: root, capabilities: [] }),
      LaunchError,
    );
  });
});

const failures = [
  {
    what: "a name that PATH does not have",
    spec: { command: ["no-such"] },
    code: 127,
    says: /no-such in PATH/,
  },
  {
    what: "a path that does not exist",
    spec: { command: ["/no/such"] },
    code: 127,
    says: /\/no\/such/,
  },
  {
    what: "a file that is no program",
    spec: { command: ["/etc/passwd"] },
    code: 126,
    says: /\/etc\/passwd/,
  },
  {
    what: "a directory that does not exist",
    spec: { command: ["true"], workingDir: "/no" },
    code: 126,
    says: /work in \/no/,
  },
  {
    what: "a volume that does not exist",
    spec: {
      command: ["true"],
      mounts: [{ kind: "bind", source: "/no/such", target: "/data", readOnly: true }],
    },
    code: 125,
    says: /\/no\/such, to be mounted on \/data/,
  },
] as const;
for (const { what, spec, code, says } of failures) {
  test(`${what} is told in one sentence, with exit code ${code}`, { skip }, async () => {
    const container = start(spec);
    await assert.rejects(container.started, (error: LaunchError) => {
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
    assert.equal((await container.exited).code, code);
  });
}
