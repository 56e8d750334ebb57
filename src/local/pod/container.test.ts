import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import type { Container } from "../../api/kubernetes.ts";
import { seconds } from "../../core/duration.ts";
import type { ContainerProcess } from "../sandbox/launch.ts";
import type { ExitStatus, LaunchSpec } from "../sandbox/launch-spec.ts";
import { PodContainer, type RestartPolicy } from "./container.ts";
import { NotYet } from "./not-yet.ts";

/** A process that does what the test says. */
function fakeProcess(pid: number) {
  const exited = Promise.withResolvers<ExitStatus>();
  const signals: string[] = [];
  const handle: ContainerProcess = {
    pid,
    stdin: undefined,
    stdout: undefined,
    stderr: undefined,
    started: Promise.resolve(),
    exited: exited.promise,
    kill: (signal) => signals.push(signal) > 0,
  };
  const end = async (code: number): Promise<void> => {
    exited.resolve({ code, signal: undefined });
    await turn();
  };
  return { handle, signals, end };
}

function containerWith(spec: Partial<Container>, policy: RestartPolicy) {
  const clock = createFakeClock();
  const processes: ReturnType<typeof fakeProcess>[] = [];
  const news = new Set<() => void>();
  const remarks: string[] = [];
  const state = { missing: "" };
  const container = new PodContainer({ name: "web", ...spec }, "app", policy, {
    sandbox: {
      launch: () => {
        const process = fakeProcess(processes.length + 1);
        processes.push(process);
        return process.handle;
      },
      exec: () => fakeProcess(99).handle,
    },
    clock,
    ip: "127.0.0.1",
    prepare: () => {
      if (state.missing !== "") throw new NotYet(state.missing);
      return { name: "web" } as LaunchSpec;
    },
    onNews: (listener) => {
      news.add(listener);
      return () => void news.delete(listener);
    },
    log: (_name, line) => void remarks.push(line),
    changed: () => undefined,
    recordProcess: () => undefined,
    forgetProcess: () => undefined,
    gracePeriod: seconds(30),
  });
  const tell = async (): Promise<void> => {
    for (const listener of Array.from(news)) listener();
    await turn();
  };
  const advance = async (millis: number): Promise<void> => {
    clock.advance(millis);
    await turn();
  };
  const last = () => processes.at(-1) ?? assert.fail("nothing was started");
  return { container, processes, last, tell, state, remarks, advance };
}

test("a container without probes is started and ready as soon as it runs", async () => {
  const { container } = containerWith({}, "Always");
  container.start();
  await turn();
  await container.started;
  const { state, ready } = container.status();
  assert.deepEqual({ state, ready }, { state: { kind: "running", pid: 1 }, ready: true });
});

test("a crash is followed by a restart, and each further one by a longer pause", async () => {
  const { container, processes, last, advance, remarks } = containerWith({}, "Always");
  container.start();
  await turn();
  for (let crash = 1; crash <= 8; crash += 1) {
    await last().end(3);
    assert.equal(container.status().state.kind, "waiting");
    assert.equal(container.status().ready, false);
    await advance(249);
    assert.equal(processes.length, crash, "not before the shortest pause");
    await advance(30_000);
    assert.equal(processes.length, crash + 1);
    assert.equal(container.status().restarts, crash);
  }
  assert.equal(remarks[0], "[remora] the container ended with exit code 3");
  assert.equal(container.status().trouble, undefined, "it runs and is ready again");
});

const policies: readonly (readonly [RestartPolicy, number, boolean])[] = [
  ["Always", 0, true],
  ["OnFailure", 0, false],
  ["OnFailure", 1, true],
  ["Never", 1, false],
];
for (const [policy, code, again] of policies) {
  test(`after exit code ${code} the policy ${policy} ${again ? "starts it again" : "ends it"}`, async () => {
    const { container, processes, last, advance } = containerWith({}, policy);
    container.start();
    await turn();
    await last().end(code);
    await advance(30_000);
    assert.equal(processes.length, again ? 2 : 1);
    if (!again) assert.equal((await container.finished).code, code);
  });
}

test("a container waits for what is missing, and starts at the news that it is there", async () => {
  const { container, processes, state, tell } = containerWith({}, "Always");
  state.missing = "ConfigMap shop/x does not exist";
  container.start();
  await turn();
  assert.deepEqual(container.status().state, { kind: "waiting", reason: state.missing });
  await tell();
  assert.equal(processes.length, 0);
  state.missing = "";
  await tell();
  assert.equal(processes.length, 1);
});

test("a stop sends SIGTERM, and SIGKILL when the grace period is over", async () => {
  const { container, last, advance } = containerWith({}, "Always");
  container.start();
  await turn();
  const stopped = container.stop(seconds(5));
  await turn();
  assert.deepEqual(last().signals, ["SIGTERM"]);
  assert.equal(container.status().ready, false);
  await advance(4_999);
  assert.deepEqual(last().signals, ["SIGTERM"]);
  await advance(1);
  assert.deepEqual(last().signals, ["SIGTERM", "SIGKILL"]);
  await last().end(137);
  await stopped;
  assert.deepEqual(container.status().state, { kind: "ended", code: 137 });
});

test("a container that was never started stops at once, and so does one that waits", async () => {
  const fresh = containerWith({}, "Always");
  await fresh.container.stop(seconds(5));
  const crashed = containerWith({}, "Always");
  crashed.container.start();
  await turn();
  await crashed.last().end(1);
  await crashed.container.stop(seconds(5));
  assert.equal(crashed.processes.length, 1);
});

test("a preStop pause comes before SIGTERM and counts towards the grace period", async () => {
  const lifecycle = { preStop: { sleep: { seconds: 3 } } };
  const { container, last, advance } = containerWith({ lifecycle }, "Always");
  container.start();
  await turn();
  void container.stop(seconds(5));
  await advance(2_999);
  assert.deepEqual(last().signals, []);
  await advance(1);
  assert.deepEqual(last().signals, ["SIGTERM"]);
  await advance(2_000);
  assert.deepEqual(last().signals, ["SIGTERM", "SIGKILL"]);
});

test("a command that cannot be started counts as a crash with its reason", async () => {
  const { container, state, advance, processes } = containerWith({}, "Never");
  state.missing = "";
  container.start();
  await turn();
  const process = processes[0];
  assert.ok(process);
  await process.end(127);
  await advance(0);
  assert.equal((await container.finished).code, 127);
});
