/**
 * One container's life: it is prepared, started, asked by its probes, restarted with growing pauses when it ends, and
 * stopped at last. What a pod is made of.
 */
import type { Container, LifecycleHandler, Probe } from "../../api/kubernetes.ts";
import { type BackoffConfig, backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { type Millis, millis, seconds } from "../../core/duration.ts";
import { remarkPrefix } from "../log-book.ts";
import type { ContainerProcess } from "../sandbox/launch.ts";
import type { CommandSpec, ExitStatus, LaunchSpec } from "../sandbox/launch-spec.ts";
import type { ContainerRole, ContainerState, ContainerStatus } from "./container-status.ts";
import { forwardLines } from "./line-splitter.ts";
import { NotYet } from "./not-yet.ts";
import { checkProbe, type ProbeResult } from "./probe-check.ts";
import { startProber } from "./prober.ts";
import type { Sandbox } from "./sandbox.ts";
import { delay, settles } from "./wait.ts";

/** Fast enough for somebody who mends a crashing app and waits, slow enough to keep a machine usable. */
const restartBackoff: BackoffConfig = { base: millis(250), max: seconds(30) };
/** A container that ran this long had started well; its next crash is its first. */
const soundRun: Millis = seconds(60);

export type RestartPolicy = "Always" | "OnFailure" | "Never";

/** What a container needs of its pod. */
export interface ContainerHost {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly ip: string;
  /** Throws NotYet with what is missing. */
  readonly prepare: (container: Container) => LaunchSpec;
  /** Calls back when preparing again may help; the result ends the subscription. */
  readonly onNews: (listener: () => void) => () => void;
  readonly log: (container: string, line: string) => void;
  /** The status is another one now. */
  readonly changed: () => void;
  readonly recordProcess: (pid: number) => void;
  readonly forgetProcess: (pid: number) => void;
  readonly gracePeriod: Millis;
}

export class PodContainer {
  readonly name: string;
  readonly role: ContainerRole;
  /** Fulfilled at the first time that the startup probe succeeded. */
  readonly started: Promise<void>;
  /** Fulfilled with the last exit, once the container will not run again. */
  readonly finished: Promise<ExitStatus>;
  readonly #spec: Container;
  readonly #policy: RestartPolicy;
  readonly #host: ContainerHost;
  readonly #stopping = new AbortController();
  readonly #startedOnce = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<ExitStatus>();
  #state: ContainerState = { kind: "waiting", reason: "waits for what starts before it" };
  #process: ContainerProcess | undefined;
  #launchSpec: LaunchSpec | undefined;
  #begun = false;
  #isStarted = false;
  #isReady = false;
  #restarts = 0;
  #trouble: string | undefined;
  #stopProbers: (() => void)[] = [];

  constructor(spec: Container, role: ContainerRole, policy: RestartPolicy, host: ContainerHost) {
    this.name = spec.name;
    this.role = role;
    this.#spec = spec;
    this.#policy = policy;
    this.#host = host;
    this.started = this.#startedOnce.promise;
    this.finished = this.#finished.promise;
  }

  status(): ContainerStatus {
    return {
      name: this.name,
      role: this.role,
      state: this.#state,
      started: this.#isStarted,
      ready: this.#isReady,
      restarts: this.#restarts,
      trouble: this.#isReady ? undefined : this.#trouble,
    };
  }

  /** Begins the life; everything else is seen in `status`, `started` and `finished`. */
  start(): void {
    this.#begun = true;
    void this.#live();
  }

  /** Runs a command beside the running container, as the same user; throws when it does not run. */
  exec(
    command: readonly string[],
    io: Pick<CommandSpec, "stdin" | "output"> = {},
  ): ContainerProcess {
    if (this.#process === undefined || this.#launchSpec === undefined) {
      throw new NotYet(`container "${this.name}" is not running`);
    }
    const { env, workingDir, user, capabilities, noNewPrivileges } = this.#launchSpec;
    return this.#host.sandbox.exec(this.#process.pid, {
      command,
      env,
      user,
      capabilities,
      ...(workingDir !== undefined && { workingDir }),
      ...(noNewPrivileges !== undefined && { noNewPrivileges }),
      ...io,
    });
  }

  /** preStop, SIGTERM, and SIGKILL for what is still there after `grace`; fulfilled when the process is gone. */
  async stop(grace: Millis): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort();
      this.#setReady(false);
      await this.#terminate(grace);
    }
    if (this.#begun) await this.finished;
  }

  async #live(): Promise<void> {
    let crashes = 0;
    let exit: ExitStatus = { code: 0, signal: undefined };
    while (!this.#stopping.signal.aborted) {
      const spec = await this.#prepared();
      if (spec === undefined) break;
      const begin = this.#host.clock.now();
      exit = await this.#runOnce(spec);
      if (this.#stopping.signal.aborted || !this.#mayRestart(exit.code)) break;
      crashes = this.#host.clock.now() - begin >= soundRun ? 0 : crashes + 1;
      const pause = backoffDelay(restartBackoff, crashes - 1);
      this.#setState({ kind: "waiting", reason: `restarts in ${formatPause(pause)}` });
      await delay(this.#host.clock, pause, this.#stopping.signal);
      this.#restarts += 1;
    }
    this.#setState({ kind: "ended", code: exit.code });
    this.#finished.resolve(exit);
  }

  #mayRestart(code: number): boolean {
    return this.#policy === "Always" || (this.#policy === "OnFailure" && code !== 0);
  }

  /** Tries again at every news until the container can be started; undefined when it is stopped before. */
  async #prepared(): Promise<LaunchSpec | undefined> {
    while (!this.#stopping.signal.aborted) {
      try {
        return this.#host.prepare(this.#spec);
      } catch (error) {
        const { message } = error as Error;
        this.#setState({ kind: "waiting", reason: message });
        this.#trouble = message;
      }
      await new Promise<void>((resolve) => {
        const end = this.#host.onNews(() => {
          end();
          resolve();
        });
        this.#stopping.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return undefined;
  }

  async #runOnce(spec: LaunchSpec): Promise<ExitStatus> {
    let running: ContainerProcess;
    try {
      running = this.#host.sandbox.launch(spec);
      await this.#begin(running, spec);
    } catch (error) {
      return this.#notStarted(error, spec.name);
    }
    const exit = await running.exited;
    this.#end(running);
    const how = exit.signal === undefined ? `exit code ${exit.code}` : `signal ${exit.signal}`;
    if (!this.#stopping.signal.aborted && this.#mayRestart(exit.code)) {
      this.#trouble = `ended with ${how}`;
      this.#remark(`the container ended with ${how}`);
    } else if (exit.code !== 0) this.#trouble = `ended with ${how}`;
    return exit;
  }

  async #begin(running: ContainerProcess, spec: LaunchSpec): Promise<void> {
    forwardLines(running.stdout, (line) => this.#host.log(this.name, line));
    forwardLines(running.stderr, (line) => this.#host.log(this.name, line));
    this.#process = running;
    this.#launchSpec = spec;
    this.#host.recordProcess(running.pid);
    try {
      await running.started;
    } catch (error) {
      await running.exited;
      this.#end(running);
      throw error;
    }
    this.#setState({ kind: "running", pid: running.pid });
    // Stopped while it was starting: `stop` found no process to end.
    if (this.#stopping.signal.aborted) running.kill("SIGTERM");
    const hook = this.#spec.lifecycle?.postStart;
    if (hook !== undefined && !(await this.#runHook(hook))) {
      this.#remark("the postStart hook failed");
      running.kill("SIGKILL");
      return;
    }
    if (this.#process === running) this.#startProbes();
  }

  #notStarted(error: unknown, name: string): ExitStatus {
    const text = error instanceof Error ? error.message : String(error);
    // The launcher names the container in front, which everybody who reads this knows already.
    const message = text.slice(text.startsWith(`${name}: `) ? name.length + 2 : 0);
    this.#trouble = message;
    this.#remark(message);
    const code = (error as { code?: unknown }).code;
    return { code: typeof code === "number" ? code : 125, signal: undefined };
  }

  #end(running: ContainerProcess): void {
    for (const stop of this.#stopProbers.splice(0)) stop();
    this.#process = undefined;
    this.#isStarted = false;
    this.#setReady(false);
    this.#host.forgetProcess(running.pid);
  }

  #startProbes(): void {
    const { startupProbe } = this.#spec;
    if (startupProbe === undefined) {
      this.#passStartup();
      return;
    }
    const stop = this.#probe(startupProbe, true, (verdict) => {
      if (verdict.ok) {
        stop();
        this.#passStartup();
      } else this.#restartFor("startup", verdict.reason);
    });
  }

  #passStartup(): void {
    this.#isStarted = true;
    this.#startedOnce.resolve();
    const { readinessProbe, livenessProbe } = this.#spec;
    if (readinessProbe === undefined) this.#setReady(true);
    else this.#probe(readinessProbe, true, (verdict) => this.#setReady(verdict.ok));
    if (livenessProbe === undefined) return;
    this.#probe(livenessProbe, false, (verdict) => {
      if (!verdict.ok) this.#restartFor("liveness", verdict.reason);
    });
  }

  #probe(probe: Probe, eager: boolean, onVerdict: (verdict: ProbeResult) => void): () => void {
    const { clock } = this.#host;
    const check = async (signal: AbortSignal): Promise<ProbeResult> => {
      const target = { ip: this.#host.ip, container: this.#spec, exec: this.#execProbe };
      const result = await checkProbe(probe, target, signal);
      if (!result.ok) this.#trouble = `its probe gives ${result.reason}`;
      return result;
    };
    const stop = startProber({ probe, clock, check, eager, onVerdict });
    this.#stopProbers.push(stop);
    return stop;
  }

  readonly #execProbe = async (
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<number> => {
    const process = this.exec(command);
    process.stdout?.resume();
    process.stderr?.resume();
    const kill = (): boolean => process.kill("SIGKILL");
    signal.addEventListener("abort", kill, { once: true });
    await process.started;
    const { code } = await process.exited;
    signal.throwIfAborted();
    return code;
  };

  #restartFor(kind: string, reason: string): void {
    const text = `the ${kind} probe failed: ${reason}`;
    this.#remark(`${text}; the container is restarted`);
    void this.#terminate(this.#host.gracePeriod);
  }

  async #terminate(grace: Millis): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    const end = this.#host.clock.now() + grace;
    const hook = this.#spec.lifecycle?.preStop;
    if (hook !== undefined) await settles(this.#runHook(hook), this.#host.clock, grace);
    running.kill("SIGTERM");
    const left = Math.max(0, end - this.#host.clock.now()) as Millis;
    if (!(await settles(running.exited, this.#host.clock, left))) running.kill("SIGKILL");
    await running.exited;
  }

  async #runHook(hook: LifecycleHandler): Promise<boolean> {
    if (hook.sleep !== undefined) {
      await delay(this.#host.clock, seconds(hook.sleep.seconds));
      return true;
    }
    const target = { ip: this.#host.ip, container: this.#spec, exec: this.#execProbe };
    const over = new AbortController();
    const cancel = this.#host.clock.after(this.#host.gracePeriod, () => over.abort());
    const result = await checkProbe(hook, target, over.signal);
    cancel();
    return result.ok;
  }

  #remark(text: string): void {
    this.#host.log(this.name, `${remarkPrefix}${text}`);
  }

  #setReady(ready: boolean): void {
    const value = ready && !this.#stopping.signal.aborted;
    if (value === this.#isReady) return;
    this.#isReady = value;
    this.#host.changed();
  }

  #setState(state: ContainerState): void {
    this.#state = state;
    this.#host.changed();
  }
}

function formatPause(pause: Millis): string {
  return pause < 1_000 ? `${Math.round(pause)} ms` : `${Math.round(pause / 1_000)} s`;
}
