import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createRemora, eventually, needsPods } from "./remora.ts";

describe("pods without sidecars", needsPods(), () => {
  const remora = createRemora("pods");
  const inGiven = (...command: string[]) => remora.succeed("exec", "given", "--", ...command);
  const names = "server server.plain server.plain.svc server.plain.svc.cluster.local".split(" ");

  before(async () => {
    await remora.succeed("up", "-f", "test/local/manifests/plain.yaml", "--detach", "--no-watch");
  });
  after(() => remora[Symbol.asyncDispose]());

  test("a pod reaches another by each name of its Service", async () => {
    for (const name of names) {
      const answer = await inGiven("curl", "-sS", `http://${name}:8080/`);
      assert.match(answer, /^red from server-/);
    }
  });

  test("a container has the user, groups and capabilities of its spec", async () => {
    assert.equal((await inGiven("id", "-u")).trim(), "1234");
    assert.deepEqual((await inGiven("id", "-G")).trim().split(" ").sort(), ["1235", "1236"]);
    assert.match(await inGiven("grep", "CapEff", "/proc/self/status"), /:\s0+$/m);
  });

  test("a container has its command's arguments, working directory and name", async () => {
    assert.equal((await inGiven("pwd")).trim(), "/data");
    assert.equal((await inGiven("hostname")).trim(), "given");
    assert.match(await inGiven("cat", "/proc/1/cmdline"), /sleep\0infinity/);
  });

  test("ConfigMaps, Secrets and the downward API are files where the spec mounts them", async () => {
    const files = ["/etc/settings/colour", "/etc/one-setting", "/etc/keys/deep/password"];
    const text = await inGiven("tail", "-qn", "+1", ...files, "/var/run/identity/name");
    assert.equal(text, "red1s3cretgiven");
  });

  test("a token names the pod and its account, for the audience that was asked for", async () => {
    const token = await inGiven("cat", "/var/run/identity/token");
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    assert.deepEqual(claims.aud, ["test"]);
    assert.equal(claims.sub, "system:serviceaccount:plain:given");
    assert.equal(claims["kubernetes.io"].pod.name, "given");
  });

  test("an emptyDir is shared by the containers that mount it, and /tmp is not", async () => {
    await inGiven("sh", "-c", "echo here > /data/file; echo here > /tmp/file");
    const beside = ["exec", "given", "-c", "beside", "--"];
    assert.equal(await remora.succeed(...beside, "cat", "/shared/file"), "here\n");
    assert.equal((await remora.run(...beside, "test", "-e", "/tmp/file")).code, 1);
    assert.notEqual((await remora.run(...beside, "touch", "/shared/new")).code, 0);
  });

  test("an emptyDir in memory is not larger than its limit", async () => {
    const { code } = await remora.run(
      "exec",
      "given",
      "--",
      "dd",
      "if=/dev/zero",
      "of=/memory/x",
      "bs=2M",
      "count=1",
    );
    assert.notEqual(code, 0);
  });

  test("a read-only root cannot be written", async () => {
    const { text } = await remora.run("exec", "given", "-c", "beside", "--", "touch", "/var/x");
    assert.match(text, /Read-only file system|Permission denied/);
  });

  test("a crashed container is restarted with what its volume holds, and its log is kept", async () => {
    await eventually(async () => {
      const { ready, containers } = await remora.pod("crasher");
      return (ready && containers[0]?.restarts === 2) || JSON.stringify(containers);
    });
    const log = await remora.succeed("logs", "crasher");
    assert.equal(log.match(/^crash$/gm)?.length, 2);
    assert.match(log, /\[remora\] the container ended with exit code 3/);
  });

  test("a Job ends with its sidecar, after its init containers ran in order", async () => {
    await eventually(async () => {
      const job = await remora.pod("job");
      return job.containers.every(({ pid }) => pid === null) || JSON.stringify(job);
    });
    assert.equal(await remora.succeed("logs", "job/job"), "first\nhelper\nwork\n");
    assert.match(await remora.succeed("ps"), /job-\S+ +\S+ +Succeeded/);
  });

  test("a changed ConfigMap reaches the files of running containers", async () => {
    const changed = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"plain"},"data":{"colour":"blue","size":"2"}}`;
    const { code, text } = await remora.feed(changed, "apply", "-f", "-");
    assert.deepEqual({ code, text }, { code: 0, text: "configmap/settings changed\n" });
    await eventually(async () => (await inGiven("cat", "/etc/settings/colour")) === "blue");
  });

  test("a pod that is not ready loses its Service's names, and has them again", async () => {
    await inGiven("curl", "-sS", "http://server:8080/unready");
    await eventually(async () => !(await remora.pod("server")).ready);
    await eventually(async () => {
      const hosts = await inGiven("cat", "/etc/hosts");
      return !hosts.includes("server") || hosts;
    });
    const table = await remora.succeed("ps");
    assert.match(table, /container server runs and is not ready: its probe gives status 503/);
  });

  test("a container whose liveness probe fails is restarted", async () => {
    const { ip, containers } = await remora.pod("server");
    await inGiven("curl", "-sS", `http://${ip}:8080/die`);
    await eventually(async () => {
      const now = await remora.pod("server");
      return (now.ready && now.containers[0]?.restarts === 1) || JSON.stringify(now);
    });
    assert.notEqual((await remora.pod("server")).containers[0]?.pid, containers[0]?.pid);
    assert.match(
      await remora.succeed("logs", "deploy/server"),
      /liveness probe failed: status 503/,
    );
    await eventually(async () => (await inGiven("cat", "/etc/hosts")).includes("server"));
  });
});
