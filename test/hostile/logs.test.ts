/** Whoever should take a sidecar's log is slow, gone or out of room: requests go on, and what was lost is counted. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { Agent, get, type IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { freePorts } from "../apps/free-ports.ts";
import { needs, until } from "../mesh/mesh.ts";

const ip = "127.0.1.44";
/** Their lines are more than pipe, queue and disk hold together. */
const requests = 3_000;
const diskBytes = 262_144;
let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "remora-logs-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("a log that nobody reads stops no request, and goes on when somebody reads", async () => {
  const pipe = openPipe("unread");
  await using pod = await startPod(programOf, pipe.writer);
  await askAll(requests);
  const lost = await pod.lost();
  assert.ok(lost > 0);
  const lines = pipe.read();
  await askAll(1, "/after");
  await until(5_000, () => assert.match(lines.at(-1) ?? "", /"\/after\/1"/));
  assert.deepEqual(
    lines.filter((line) => !isWhole(line)),
    [],
  );
  assert.equal(lines.length + lost, requests + 1);
  assert.equal(await pod.lost(), lost);
  pipe.close();
});

test("a log whose reader has gone stops no request", async () => {
  const pipe = openPipe("gone");
  await using pod = await startPod(programOf, pipe.writer);
  pipe.close();
  await askAll(100);
  assert.ok((await pod.lost()) > 90);
});

test(
  "a log on a full disk stops no request, and goes on when there is room",
  needs("unshare"),
  async () => {
    const disk = join(folder, "disk");
    const fill = `mkdir ${disk} && mount -t tmpfs -o size=${diskBytes} none ${disk}`;
    const run = (program: string): readonly string[] => [
      ...(process.getuid?.() === 0 ? ["unshare", "-m"] : ["unshare", "-Urm"]),
      "sh",
      "-c",
      `${fill} && head -c ${diskBytes - 8_192} /dev/zero > ${disk}/other; exec ${program} > ${disk}/log`,
    ];
    await using pod = await startPod((program) => run(program.join(" ")), "ignore");
    await askAll(requests);
    const lost = await pod.lost();
    assert.ok(lost > requests / 2, `${lost} lost`);
    const seen = `/proc/${pod.pid}/root${disk}`;
    rmSync(`${seen}/other`);
    await askAll(10);
    assert.equal(await pod.lost(), lost);
    const lines = readFileSync(`${seen}/log`, "utf8").trimEnd().split("\n");
    assert.equal(lines.slice(-10).filter(isWhole).length, 10);
    // Of the line in whose middle the disk was full something may stand there.
    assert.ok(lines.filter((line) => !isWhole(line)).length <= 1);
  },
);

for (const [how, signal, code] of [
  ["in order", "SIGTERM", 0],
  ["by a fault", "SIGUSR2", 1],
] as const) {
  test(`what was logged in the turn in which a program ends ${how} is not lost`, async () => {
    const path = join(folder, signal);
    const out = openSync(path, "w");
    const program = ["test/hostile/logs/ending.ts"];
    const child = spawn(process.execPath, program, { stdio: ["ignore", out, "ignore"] });
    closeSync(out);
    const ended = once(child, "exit");
    await until(5_000, () => assert.match(readFileSync(path, "utf8"), /"ready"/));
    child.kill(signal);
    assert.deepEqual(await ended, [code, null]);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const events = lines.filter(isWhole).map((line) => (JSON.parse(line) as Logged).access.event);
    assert.deepEqual(
      events,
      Array.from({ length: 1_000 }, (_, event) => event),
    );
  });
}

interface Logged {
  readonly access: { readonly event: number };
}

function isWhole(line: string): boolean {
  try {
    return "access" in (JSON.parse(line) as object);
  } catch {
    return false;
  }
}

const programOf = (program: readonly string[]): readonly string[] => program;

interface Pipe {
  readonly writer: number;
  /** Begins to read; the lines are added to what is given. */
  read(): string[];
  close(): void;
}

/** A pipe as a container's runtime makes it: written by the sidecar, read by somebody else. */
function openPipe(name: string): Pipe {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const reader = new Socket({ fd });
  return {
    writer,
    read() {
      const lines: string[] = [];
      createInterface(reader).on("line", (line) => lines.push(line));
      return lines;
    },
    close: () => void reader.destroy(),
  };
}

interface Pod extends AsyncDisposable {
  readonly pid: number;
  lost(): Promise<number>;
}

async function startPod(
  wrap: (program: readonly string[]) => readonly string[],
  stdout: number | "ignore",
): Promise<Pod> {
  const [port = 0] = await freePorts(1);
  const flags = ["--experimental-ffi", "--disable-warning=ExperimentalWarning"];
  const program = [process.execPath, ...flags, "test/hostile/logs/pod.ts", ip, `${port}`];
  const [file = "", ...args] = wrap(program);
  const child: ChildProcess = spawn(file, args, { stdio: ["ignore", stdout, "inherit", "ipc"] });
  if (typeof stdout === "number") closeSync(stdout);
  const ended = once(child, "exit");
  const answer = async (): Promise<unknown> => {
    const [message] = (await Promise.race([
      once(child, "message"),
      ended.then(([code]) => assert.fail(`the pod ended with ${String(code)}`)),
    ])) as [unknown];
    return message;
  };
  await answer();
  return {
    pid: child.pid ?? 0,
    async lost() {
      const lost = answer();
      child.send("lost?");
      return Number(await lost);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Asks one after the other, and every one must be answered. */
async function askAll(count: number, path = ""): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let left = count; left > 0; left -= 1) {
    const signal = AbortSignal.timeout(20_000);
    const request = get({ host: ip, port: 15_006, path: `${path}/${left}`, agent, signal });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(await text(response), "here\n");
  }
  agent.destroy();
}
