import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createRemora, eventually, hasInterface, needsPods } from "./remora.ts";

const two = "test/local/manifests/two.yaml";

describe("the commands on a running mesh", needsPods(), () => {
  const remora = createRemora("commands");
  const folder = mkdtempSync(join(tmpdir(), "remora-manifests-"));
  const file = join(folder, "two.yaml");

  before(async () => {
    copyFileSync(two, file);
    const text = await remora.succeed("up", "-f", folder, "--detach", "--no-watch");
    assert.match(text, /^mesh com-\d+ is up: 2 pods ready after /);
  });
  after(async () => {
    await remora[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("ps gives exactly the documented fields as JSON", async () => {
    const pod = await remora.pod("web");
    const { name, ip, containers, ...others } = pod;
    assert.match(name, /^web-[a-z0-9]{8}-[a-z0-9]{5}$/);
    assert.match(ip, /^\d+\.\d+\.\d+\.\d+$/);
    assert.deepEqual(others, { namespace: "two", identity: null, ready: true });
    const [{ pid, ...container } = assert.fail("no container"), ...more] = containers;
    assert.deepEqual(more, []);
    assert.deepEqual(container, { name: "web", ready: true, restarts: 0, sidecar: false });
    assert.match(readFileSync(`/proc/${pid}/cmdline`, "utf8"), /^sleep/);
  });

  test("ps shows a table, and only the pods of a namespace that is asked for", async () => {
    assert.match(await remora.succeed("ps"), /^NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE +IP/);
    assert.equal(await remora.succeed("ps", "-n", "other"), "there are no pods\n");
  });

  test("exec passes on input, output and exit code", async () => {
    const { code, text } = await remora.feed(
      "in",
      "exec",
      "alone",
      "--",
      "sh",
      "-c",
      "cat; echo out; echo err >&2; exit 7",
    );
    assert.equal(code, 7);
    assert.deepEqual(
      text
        .split(/(?<=in)|\n/)
        .filter(Boolean)
        .sort(),
      ["err", "in", "out"],
    );
  });

  test("exec says what is wrong with its command or its target", async () => {
    const missing = await remora.run("exec", "alone", "--", "no-such-program");
    assert.equal(missing.code, 127);
    assert.match(missing.text, /no-such-program/);
    const nobody = await remora.run("exec", "nobody", "--", "true");
    assert.equal(nobody.code, 1);
    assert.match(nobody.text, /^remora: there is no pod "nobody" in this mesh\n/);
    const container = await remora.run("exec", "alone", "-c", "x", "--", "true");
    assert.match(container.text, /pod alone has no container "x"; it has alone/);
    assert.equal((await remora.run("exec", "alone")).code, 64);
  });

  test("logs can be followed until the pod ends", async () => {
    await using following = await remora.start("logs", "-f", "deploy/web");
    await following.output(/started/);
    await remora.succeed("delete", "deploy/web");
    assert.equal(await following.exit(), 0);
    assert.match(await remora.succeed("apply", "-f", folder), /deployment\/web created/);
    await eventually(async () => (await remora.pod("web")).ready);
  });

  test("a deleted pod is replaced by its controller, and a bare one is not", async () => {
    const { name } = await remora.pod("web");
    assert.equal(await remora.succeed("delete", name), `pod/${name} deleted\n`);
    const again = await remora.pod("web");
    assert.notEqual(again.name, name);
    const deleted = JSON.parse(await remora.succeed("delete", "alone", "--output", "json"));
    assert.deepEqual(deleted, { deleted: "pod/alone" });
    assert.equal((await remora.pods()).length, 1);
    const applied = JSON.parse(await remora.succeed("apply", "-f", folder, "--output", "json"));
    assert.deepEqual(applied.changes.toSorted(), [
      "deployment/web unchanged",
      "namespace/two unchanged",
      "pod/alone created",
    ]);
    await eventually(async () => (await remora.pod("alone")).ready);
  });

  test("apply adds, changes and removes what its file says", async () => {
    const text = readFileSync(two, "utf8");
    writeFileSync(file, text.replace("name: alone, namespace", "name: other, namespace"));
    const words = await remora.succeed("apply", "-f", folder);
    assert.deepEqual(words.trim().split("\n").sort(), [
      "deployment/web unchanged",
      "namespace/two unchanged",
      "pod/alone removed",
      "pod/other created",
    ]);
    await eventually(async () => {
      const names = (await remora.pods()).map(({ name }) => name.replace(/-.*/, "")).sort();
      return names.join() === "other,web" || names.join();
    });
  });

  test("a changed Deployment gets its new pod before the old one goes", async () => {
    const { name } = await remora.pod("web");
    writeFileSync(file, readFileSync(file, "utf8").replace("echo started", "echo changed"));
    assert.match(await remora.succeed("apply", "-f", file), /deployment\/web changed/);
    await eventually(async () => {
      const names = (await remora.pods()).map((pod) => pod.name);
      const others = names.filter((other) => other.startsWith("web-") && other !== name);
      return (others.length === 1 && !names.includes(name)) || names.join();
    });
    assert.equal(await remora.succeed("logs", "web"), "changed\n");
  });

  test("a broken manifest changes nothing and is told with file and line", async () => {
    const before = await remora.pods();
    const broken = join(folder, "broken.yaml");
    writeFileSync(
      broken,
      "apiVersion: v1\nkind: Pod\nmetadata: { name: bad }\nspec: { containers: [{ name: x }] }\n",
    );
    const { code, text } = await remora.run("apply", "-f", folder);
    rmSync(broken);
    assert.equal(code, 1);
    assert.match(
      text,
      /broken\.yaml:1: .*container "x" has no command; images are not pulled here/,
    );
    assert.match(text, /nothing was changed\n$/);
    assert.doesNotMatch(text, /\n\s+at /);
    assert.deepEqual(await remora.pods(), before);
  });

  test("a second mesh of the same name is refused, one of another name runs beside it", async () => {
    const { code, text } = await remora.run("up", "-f", two, "--detach");
    assert.equal(code, 1);
    assert.match(text, /^remora: a mesh named com-\d+ runs already\n/);
    await using other = createRemora("beside");
    await other.succeed("up", "-f", two, "--detach");
    const [ours, theirs] = [await remora.pods(), await other.pods()];
    assert.equal(
      ours.some(({ ip }) => theirs.some((pod) => pod.ip === ip)),
      false,
    );
  });
});

describe("the commands without a mesh", needsPods(), () => {
  test("a mesh whose pod cannot run is not up, and says which, why, and its last words", async () => {
    await using remora = createRemora("failing");
    const { code, text } = await remora.run(
      "up",
      "-f",
      "test/local/manifests/failing.yaml",
      "--detach",
      "--timeout",
      "3s",
    );
    assert.equal(code, 1);
    assert.match(text, /failing\/crash: container main ended with exit code 3 and restarts in/);
    assert.match(text, /\| Error: out of ideas/);
    assert.match(
      text,
      /failing\/waiting: container main waits: ConfigMap failing\/none does not exist/,
    );
    assert.match(text, /failing\/typo: container main .*no-such-program/);
    assert.doesNotMatch(text, /failing\/fine/);
  });

  test("a wrong manifest starts nothing", async () => {
    await using remora = createRemora("wrong");
    const { code, text } = await remora.run(
      "up",
      "-f",
      "test/local/manifests/wrong.yaml",
      "--detach",
    );
    assert.equal(code, 1);
    assert.match(text, /wrong\.yaml:\d+: .*\n(.*\n)*nothing was started\n$/);
    assert.doesNotMatch(text, /\n\s+at /);
    assert.match((await remora.run("ps")).text, /^remora: no mesh named wro-\d+ is running/);
  });

  const misuses: readonly (readonly [string[], RegExp])[] = [
    [["pss"], /there is no command "pss", did you mean ps\?/],
    [["up"], /-f is missing/],
    [["ps", "--output", "xml"], /--output is "xml"/],
    [["up", "-f", two, "--timeout", "soon"], /--timeout is "soon"/],
    [["logs"], /POD is missing/],
    [["ps", "--colour"], /unknown option '--colour'/],
    [["delete", "a", "b"], /"b" is one argument too many/],
  ];
  for (const [args, message] of misuses) {
    test(`a misuse is one sentence and exit code 64: ${args.join(" ")}`, async () => {
      await using remora = createRemora("misuse");
      const { code, text } = await remora.run(...args);
      assert.equal(code, 64);
      assert.match(text, message);
      assert.match(text, /\nsee: remora help/);
    });
  }

  test("every command has help with examples", async () => {
    await using remora = createRemora("help");
    const overview = (await remora.run("help")).text;
    const commands = Array.from(overview.matchAll(/^ {2}(\w+) {2}/gm), (match) => match[1] ?? "");
    assert.ok(commands.length >= 8, overview);
    for (const command of commands) {
      const { code, text } = await remora.run("help", command);
      assert.equal(code, 0);
      assert.match(text, new RegExp(`Examples:\\n  .*remora ${command}`));
    }
  });

  test("in the foreground logs have the pod's name, an edit is taken up, and Ctrl-C leaves nothing", async () => {
    await using remora = createRemora("front");
    const folder = mkdtempSync(join(tmpdir(), "remora-manifests-"));
    const file = join(folder, "two.yaml");
    copyFileSync(two, file);
    await using up = await remora.start("up", "-f", folder);
    await up.output(/^web-\S+\/web \| started$/m);
    await up.output(/mesh fro-\d+ is up: 2 pods ready/);
    writeFileSync(file, readFileSync(two, "utf8").replace("echo started", "echo edited"));
    await up.output(/deployment\/web changed/);
    await up.output(/\| edited$/m);
    writeFileSync(file, "kind: [");
    await up.output(/two\.yaml:1: .*kept what was there/);
    const pids = (await remora.pods()).flatMap(({ containers }) =>
      containers.map(({ pid }) => pid),
    );
    up.kill("SIGINT");
    assert.equal(await up.exit(), 0);
    rmSync(folder, { recursive: true });
    for (const pid of pids) assert.throws(() => process.kill(pid ?? 0, 0), { code: "ESRCH" });
    assert.equal(hasInterface(`remora-${remora.name}`), false);
  });
});
