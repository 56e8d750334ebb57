/** A pod that the kernel gives nothing more: what is open lives on, what is new is refused with a code, and relief is noticed. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { proxyUid } from "../../injector/options.ts";
import { type Mesh, needs, type PodInfo, startMesh, sumOf, until } from "../mesh/mesh.ts";
import { meterProcess } from "./lab/process-meter.ts";

const appPort = 8_080;
const recoveryMillis = 20_000;
/** Only root may change what the kernel gives to another process. */
const requirements =
  process.getuid?.() === 0
    ? needs("ip", "nft", "nsenter", "prlimit", "setpriv")
    : { skip: "root is needed to take descriptors and ports from a pod" };

describe("a sidecar to which the kernel gives nothing more", requirements, () => {
  let mesh: Mesh;
  let pod: PodInfo;
  let pid = 0;
  before(async () => {
    mesh = await startMesh("starved", ["victim.yaml"], { namespace: "victim" });
    pod = await mesh.pod("app");
    pid = pod.containers.find((container) => container.sidecar)?.pid ?? 0;
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  const counted = async (name: string, labels: Record<string, string>): Promise<number> =>
    sumOf(await mesh.metrics(pod), name, labels);
  const ready = async (): Promise<number> => (await fetch(`http://${pod.ip}:15020/ready`)).status;
  const inPod = (...command: string[]): string =>
    execFileSync("nsenter", ["-t", `${pid}`, "-n", ...command], { encoding: "utf8" });

  test("refuses new connections when it is short of descriptors, and closes idle ones for room", async () => {
    using live = new Client(pod.ip);
    assert.equal(await live.ask("/"), 200);
    const shed = await counted("remora_load_shed_total", { what: "connection" });
    using _limit = limitDescriptors(pid, 200);
    using crowd = new Crowd(pod.ip, 0);
    const shedNow = async (): Promise<number> =>
      await counted("remora_load_shed_total", { what: "connection" });
    while ((await shedNow()) === shed) {
      crowd.dial();
      assert.ok(crowd.open < 200, "nobody is refused");
    }
    assert.ok(crowd.open > 100, `${crowd.open} are open`);
    assert.equal(await ready(), 503);
    for (let request = 0; request < 20; request += 1) assert.equal(await live.ask("/"), 200);
    // The crowd stays, and says nothing: it has to make room.
    await until(recoveryMillis, async () => {
      assert.equal(await ready(), 200);
      using late = new Client(pod.ip);
      assert.equal(await late.ask("/"), 200);
    });
    assert.ok((await counted("remora_load_shed_total", { what: "idle" })) > 0);
    assert.equal(await live.ask("/"), 200);
  });

  test("serves connections that are open when there is no descriptor at all, without spinning", async () => {
    using live = new Client(pod.ip);
    assert.equal(await live.ask("/"), 200);
    const meter = meterProcess(pid);
    // As many as it has open: whatever it closes may be opened again, and nothing else.
    const open = Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number));
    using limit = limitDescriptors(pid, open + 1);
    using crowd = new Crowd(pod.ip, 50);
    await until(recoveryMillis, () => assert.ok(crowd.open < 10, `${crowd.open} open`));
    for (let request = 0; request < 20; request += 1) assert.equal(await live.ask("/"), 200);
    const before = meter.cpuMillis();
    for (let request = 0; request < 10; request += 1) {
      crowd.dial();
      assert.equal(await live.ask("/wait/100"), 200);
    }
    // Of a second; a loop that spins takes all that it gets.
    assert.ok(meter.cpuMillis() - before < 250, `${meter.cpuMillis() - before} ms of CPU time`);
    limit.lift();
    // The sidecar looks at its limit once a second, and until then has room for a few.
    await until(recoveryMillis, async () => {
      const late = Array.from({ length: 50 }, () => new Client(pod.ip));
      try {
        const answers = await Promise.all(late.map((client) => client.ask("/")));
        assert.ok(answers.every((status) => status === 200));
      } finally {
        for (const client of late) client[Symbol.dispose]();
      }
    });
  });

  test("answers 503 `overloaded` when the pod has no port left for a connection to the application", async () => {
    const file = "/proc/sys/net/ipv4/ip_local_port_range";
    const range = inPod("cat", file).trim();
    // Connections that are there need no port.
    await until(recoveryMillis, async () => {
      assert.equal(await counted("remora_pool_connections", {}), 0);
    });
    const errors = await counted("remora_errors_total", { code: "overloaded" });
    inPod("sh", "-c", `echo 50000 50003 > ${file}`);
    const clients = Array.from({ length: 30 }, () => new Client(pod.ip));
    try {
      const answers = await Promise.all(clients.map((client) => client.ask("/wait/1000")));
      const refused = answers.filter((status) => status === 503).length;
      assert.ok(refused > 0 && refused < clients.length, `${refused} refused`);
      assert.ok(answers.every((status) => status === 200 || status === 503));
      const more = (await counted("remora_errors_total", { code: "overloaded" })) - errors;
      assert.equal(more, refused);
      // The ports that there are serve one after the other.
      for (const client of clients) assert.equal(await client.ask("/"), 200);
    } finally {
      inPod("sh", "-c", `echo ${range} > ${file}`);
    }
    const answers = await Promise.all(clients.map((client) => client.ask("/wait/100")));
    assert.ok(answers.every((status) => status === 200));
    for (const client of clients) client[Symbol.dispose]();
  });

  test("serves connections that are open when the kernel drops all new ones, as with a full connection table", async () => {
    using live = new Client(pod.ip);
    assert.equal(await live.ask("/"), 200);
    const chains = ["prerouting", "output"].map(
      (hook) =>
        `add chain inet full ${hook} { type filter hook ${hook} priority -199; }; ` +
        `add rule inet full ${hook} meta l4proto tcp ct state new drop`,
    );
    inPod("nft", ["add table inet full", ...chains].join("; "));
    try {
      for (let request = 0; request < 20; request += 1) assert.equal(await live.ask("/"), 200);
      using crowd = new Crowd(pod.ip, 1);
      // The one connection to the application is in use: there is no other.
      using second = new Client(pod.ip);
      await assert.rejects(second.ask("/", 1_000), /abort/i);
      assert.equal(await live.ask("/"), 200);
      assert.equal(crowd.open, 1);
    } finally {
      inPod("nft", "delete table inet full");
    }
    using late = new Client(pod.ip);
    assert.equal(await late.ask("/"), 200);
  });
});

/** One keep-alive connection. */
class Client {
  readonly #host: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(host: string) {
    this.#host = host;
  }

  /** Gives the status. */
  async ask(path: string, millis = 20_000): Promise<number | undefined> {
    const signal = AbortSignal.timeout(millis);
    const target = { host: this.#host, port: appPort, path, agent: this.#agent, signal };
    const [response] = (await once(get(target), "response")) as [IncomingMessage];
    await text(response);
    return response.statusCode;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Connections that say nothing. */
class Crowd {
  readonly #host: string;
  readonly #sockets: Socket[] = [];

  constructor(host: string, count: number) {
    this.#host = host;
    for (let left = count; left > 0; left -= 1) this.dial();
  }

  /** Those that were not refused, or not yet. */
  get open(): number {
    return this.#sockets.filter(({ destroyed }) => !destroyed).length;
  }

  dial(): void {
    const socket = connect({ host: this.#host, port: appPort });
    socket.on("error", () => {});
    socket.resume();
    this.#sockets.push(socket);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function limitDescriptors(pid: number, count: number): Disposable & { lift(): void } {
  // The kernel lets a process of the same user, where root without CAP_SYS_RESOURCE may not.
  const user = ["--reuid", `${proxyUid}`, "--regid", `${proxyUid}`, "--clear-groups"];
  const prlimit = (...args: string[]): string =>
    execFileSync("setpriv", [...user, "prlimit", "--pid", `${pid}`, ...args], { encoding: "utf8" });
  const set = (soft: string): void => void prlimit(`--nofile=${soft}:`);
  const before = prlimit("--nofile", "--noheadings", "--raw", "--output", "SOFT").trim();
  const lift = (): void => set(before);
  set(`${count}`);
  return { lift, [Symbol.dispose]: lift };
}
