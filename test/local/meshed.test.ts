import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { createRemora, eventually, needsPods } from "./remora.ts";

describe("pods with sidecars", needsPods(), () => {
  const remora = createRemora("meshed");
  const inClient = (...command: string[]) => remora.succeed("exec", "client", "--", ...command);
  const sidecarOf = async (name: string) => {
    const pod = await remora.pod(name);
    return pod.containers.find(({ sidecar }) => sidecar) ?? assert.fail(JSON.stringify(pod));
  };

  before(async () => {
    await remora.succeed("up", "-f", "test/local/manifests/meshed.yaml", "--detach", "--no-watch");
  });
  after(() => remora[Symbol.asyncDispose]());

  test("every pod has an identity and a sidecar that is ready, unless it opted out", async () => {
    const server = await remora.pod("server");
    assert.equal(server.identity, "spiffe://cluster.local/ns/meshed/sa/server");
    const roles = server.containers.map(({ name, sidecar, ready }) => [name, sidecar, ready]);
    assert.deepEqual(roles, [
      ["remora-proxy", true, true],
      ["server", false, true],
      ["health", false, true],
    ]);
    const outside = await remora.pod("outside");
    assert.equal(outside.identity, null);
    assert.equal(
      outside.containers.some(({ sidecar }) => sidecar),
      false,
    );
  });

  test("the control plane runs beside them and is listed on request", async () => {
    const names = (await remora.pods("-n", "remora-system")).map(({ name }) => name);
    assert.match(names.join(), /^remora-identity-[^,]+,remora-control-[^,]+$/);
    assert.equal(
      (await remora.pods()).some(({ name }) => names.includes(name)),
      false,
    );
  });

  test("a request to a Service is served by its pod, through both sidecars", async () => {
    const answer = await inClient("curl", "-sS", "--fail", "http://server/");
    assert.match(answer, /^red from server-/);
    const { ip } = await remora.pod("server");
    const metrics = await (await fetch(`http://${ip}:15020/metrics`)).text();
    assert.match(
      metrics,
      /remora_requests_total\{direction="inbound",peer="spiffe:\/\/cluster.local\/ns\/meshed\/sa\/default"[^}]*\} [1-9]/,
    );
  });

  test("the sidecar runs as its own user without capabilities, and holds its annotations", async () => {
    const { pid } = await sidecarOf("server");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    assert.ok(environment.includes("REMORA_LOG_LEVEL=debug"));
    assert.ok(environment.includes("REMORA_DRAIN_TIME=2s"));
    assert.ok(environment.includes("REMORA_INBOUND_PROTOCOLS=8080=http1,9000=grpc"));
  });

  test("the app sees neither the sidecar's token nor its admin socket", async () => {
    for (const path of ["/var/run/secrets/remora", "/var/run/remora"]) {
      assert.equal((await remora.run("exec", "client", "--", "test", "-e", path)).code, 1, path);
    }
  });

  test("a pod's own init container runs behind the sidecar", async () => {
    assert.match(await remora.succeed("logs", "server", "-c", "early"), /from outside/);
  });

  test("a Job with a sidecar ends", async () => {
    await eventually(async () => (await remora.succeed("ps")).includes("Succeeded"));
    assert.match(await remora.succeed("logs", "job/job"), /^red from server-/m);
    assert.equal((await sidecarOf("job")).pid, null);
  });

  test("whom a pod talked to is listed with health, load and identity", async () => {
    await inClient("curl", "-sS", "--fail", "http://server/");
    const text = await remora.succeed("proxy", "endpoints", "client");
    assert.match(
      text,
      /^meshed\/server .*meshed\/server +good +0 +[\d.]+ ms +spiffe:.*\/sa\/server$/m,
    );
  });

  test("who talks to whom is shown, with encryption", async () => {
    const stat = { over: false };
    const shown = remora
      .succeed("stat", "-n", "meshed", "--for", "3s", "--output", "json")
      .finally(() => (stat.over = true));
    while (!stat.over) await inClient("curl", "-sS", "http://server/");
    const rows = JSON.parse(await shown) as readonly Readonly<Record<string, unknown>>[];
    const flow = rows.find(({ destination }) => String(destination).endsWith("/sa/server"));
    assert.equal(flow?.["source"], "spiffe://cluster.local/ns/meshed/sa/default");
    assert.deepEqual([flow["protocol"], flow["success"], flow["mtls"]], ["http1", 1, true]);
    assert.ok(Number(flow["rate"]) > 0);
  });

  test("probes reach the app through the relay, and its bad news come back", async () => {
    await inClient("curl", "-sS", "http://server/unready");
    await eventually(async () => !(await remora.pod("server")).ready);
    assert.match(await remora.succeed("ps"), /container server runs and is not ready: .*503/);
  });

  test("what failed is told once for each kind, with how often and why", async () => {
    for (const page of ["one", "two"]) {
      const answer = await inClient("curl", "-sS", "-i", `http://server/${page}`);
      assert.match(answer, /^proxy-status: remora; .*no_endpoint/im);
    }
    const text = await remora.succeed("proxy", "failures", "client");
    assert.match(
      text,
      /^\d+s ago +2 +no_endpoint +outbound +meshed\/server .* GET server\/one +\S.*$/m,
    );
    const json = await remora.succeed("proxy", "failures", "client", "--output", "json");
    const [newest] = JSON.parse(json) as readonly Readonly<Record<string, unknown>>[];
    assert.equal(newest?.["error"], "no_endpoint");
    assert.ok(String(newest["first"]) < String(newest["last"]));
  });

  test("its certificate and roots are shown, without the key", async () => {
    const text = await remora.succeed("proxy", "certs", "client");
    assert.match(text, /^identity +spiffe:\/\/cluster\.local\/ns\/meshed\/sa\/default$/m);
    assert.match(text, /^leaf .* 5\dm$/m);
    assert.match(text, /^root /m);
    assert.match(text, /^bundle +[0-9a-f]{16,}$/m);
    const json = await remora.succeed("proxy", "certs", "client", "--output", "json");
    assert.doesNotMatch(json, /PRIVATE KEY/);
  });

  test("its settings are shown, and its log level is changed while it runs", async () => {
    const config = JSON.parse(await remora.succeed("proxy", "config", "server")) as object;
    assert.equal((config as Record<string, unknown>)["REMORA_LOG_LEVEL"], "debug");
    const changed = await remora.succeed("proxy", "log-level", "server", "warn");
    assert.equal(changed, "log level is warn\n");
    assert.equal((await remora.run("proxy", "log-level", "server", "loud")).code, 64);
  });

  test("a pod without a sidecar, and one that is not there, are named", async () => {
    const outside = await remora.run("proxy", "certs", "outside");
    assert.match(outside.text, /^remora: .*outside.* has no container "remora-proxy"/);
    assert.equal(outside.code, 1);
    assert.match((await remora.run("proxy", "certs", "nobody")).text, /no pod "nobody"/);
  });

  test("a killed sidecar is started again, and the pod serves as before", async () => {
    const { pid } = await sidecarOf("client");
    process.kill(pid ?? assert.fail("no sidecar"), "SIGKILL");
    await eventually(async () => {
      const { ready, restarts, pid: now } = await sidecarOf("client");
      return (ready && restarts === 1 && now !== pid) || `restarts ${restarts}`;
    });
    const { ip } = await remora.pod("outside");
    assert.match(await inClient("curl", "-sS", "--fail", `http://${ip}:8080/`), /from outside/);
  });
});
