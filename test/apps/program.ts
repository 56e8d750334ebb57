/** A program started by a test: its output as text, its exit code, and a certain end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it has written so far, errors included. */
  text(): string;
  /** Resolves with the match as soon as the output has one; rejects when the program ends or time runs out. */
  output(pattern: RegExp, timeoutMillis?: number): Promise<RegExpExecArray>;
  /** Resolves with the exit code, or with 128 and the signal's name in the error when it was killed. */
  exit(timeoutMillis?: number): Promise<number>;
  kill(signal?: NodeJS.Signals): void;
}

export interface ProgramOptions {
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Given on standard input, which is then closed. */
  readonly input?: string | Uint8Array;
}

/** Starts a program; disposing of it ends it with SIGTERM, and with SIGKILL when that is not enough. */
export async function startProgram(
  command: readonly string[],
  options: ProgramOptions = {},
): Promise<Program> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  await once(child, "spawn");
  // A program that ends without reading its input is no failure of the test.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input);
  const output = collect(child);
  const ended = new Promise<number>((resolve) => {
    child.once("close", (code) => resolve(code ?? 128));
  });
  const name = command.join(" ");
  return {
    pid: child.pid ?? 0,
    text: () => output.text(),
    output: (pattern, timeout = 20_000) =>
      within(timeout, `${name} to write ${pattern}`, output, awaitMatch(pattern, output, ended)),
    exit: (timeout = 60_000) => within(timeout, `${name} to end`, output, ended),
    kill: (signal = "SIGTERM") => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        // A grandchild may hold the other ends for ever.
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      }, 15_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Runs a program to its end. */
export async function runProgram(
  command: readonly string[],
  options: ProgramOptions = {},
  timeoutMillis?: number,
): Promise<{ readonly code: number; readonly text: string }> {
  await using program = await startProgram(command, options);
  const code = await program.exit(timeoutMillis);
  return { code, text: program.text() };
}

interface Output {
  text(): string;
  /** Calls back on every piece; the result ends that. */
  listen(listener: () => void): () => void;
}

function collect(child: ChildProcess): Output {
  let text = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const listener of Array.from(listeners)) listener();
    });
  }
  return {
    text: () => text,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function awaitMatch(
  pattern: RegExp,
  output: Output,
  ended: Promise<number>,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const stop = output.listen(look);
    function look(): void {
      const match = pattern.exec(output.text());
      if (match === null) return;
      stop();
      resolve(match);
    }
    look();
    void ended.then((code) => reject(new Error(`ended with ${code} before ${pattern}`)));
  });
}

async function within<T>(
  millis: number,
  what: string,
  output: Output,
  result: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${millis} ms for ${what}; its output:\n${output.text()}`));
    }, millis);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
