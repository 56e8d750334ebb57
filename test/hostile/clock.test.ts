/**
 * A sidecar whose clock is stepped under live TLS connections, by libfaketime (apt-get install libfaketime): what is open goes on, for
 * a certificate is judged when a connection begins; new peers are refused while their time is not ours, and let in again after.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import tls from "node:tls";
import { freePorts } from "../apps/free-ports.ts";
import { until } from "../mesh/mesh.ts";

const ip = "127.0.1.50";
const library = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((file) => existsSync(file));
const hour = 3_600;

interface Credentials {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

interface Told {
  readonly time: number;
  readonly ok: number;
  readonly failed: number;
}

const requirements = library === undefined ? { skip: "libfaketime is not installed" } : {};

describe("a sidecar whose clock is stepped", requirements, () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-clock-"));
  const file = join(folder, "time");
  let pod: ChildProcess;
  let credentials: Credentials;
  let port = 0;

  before(async () => {
    [port = 0] = await freePorts(1);
    writeFileSync(file, "+0");
    const flags = ["--experimental-ffi", "--disable-warning=ExperimentalWarning"];
    pod = spawn(process.execPath, [...flags, "test/hostile/clock/pod.ts", ip, `${port}`], {
      env: {
        ...process.env,
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        // An operator and NTP step this clock; nobody steps the other.
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [message] = (await once(pod, "message")) as [Credentials];
    credentials = message;
  });
  after(async () => {
    const ended = once(pod, "exit");
    pod.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (): Promise<Told> => {
    const answer = once(pod, "message");
    pod.send("what?");
    return ((await answer) as [Told])[0];
  };
  /** Returns when the sidecar sees it. */
  const step = async (seconds: number): Promise<void> => {
    writeFileSync(file, seconds < 0 ? `${seconds}` : `+${seconds}`);
    await until(5_000, async () => {
      const ahead = ((await ask()).time - Date.now()) / 1_000;
      assert.ok(Math.abs(ahead - seconds) < 60, `${ahead} s ahead`);
    });
  };
  const openSession = (): ClientHttp2Session => {
    const { key, cert, ca } = credentials;
    const options = { host: ip, port: 15_008, key, cert, ca, ALPNProtocols: ["h2"] };
    const session = connect(`https://${ip}:15008`, {
      createConnection: () => tls.connect({ ...options, checkServerIdentity: () => undefined }),
    });
    session.on("error", () => {});
    return session;
  };
  const statusOf = async (session: ClientHttp2Session): Promise<number> => {
    const stream = session.request({ ":path": "/", "remora-dst": `${port};h1` });
    const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders];
    stream.close();
    return Number(answer[":status"]);
  };

  for (const [direction, seconds] of [
    ["forwards, past the end of every certificate", hour],
    ["backwards, before the beginning of every certificate", -hour],
  ] as const) {
    test(`${direction}, serves what is open, refuses who is new, and recovers`, async () => {
      const live = openSession();
      assert.equal(await statusOf(live), 200);
      const before = await ask();

      await step(seconds);
      for (let request = 0; request < 10; request += 1) assert.equal(await statusOf(live), 200);
      const refused = openSession();
      await new Promise((resolve) => refused.once("close", resolve));
      await until(5_000, async () => assert.equal((await ask()).failed, before.failed + 1));
      assert.equal(await statusOf(live), 200);

      await step(0);
      const late = openSession();
      assert.equal(await statusOf(late), 200);
      assert.equal(await statusOf(live), 200);
      assert.equal((await ask()).ok, before.ok + 1);
      late.close();
      live.close();
    });
  }

  test("within what certificates are issued ahead of time for, takes who is new", async () => {
    for (const seconds of [60, -60]) {
      await step(seconds);
      const session = openSession();
      assert.equal(await statusOf(session), 200);
      session.close();
    }
    await step(0);
  });
});
