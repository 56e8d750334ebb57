/** The mesh's side of `exec`: one command in a pod, joined to one stream. */
import type { Duplex } from "node:stream";
import type { Mesh } from "../mesh.ts";
import type { ContainerProcess } from "../sandbox/launch.ts";
import { createFrameReader, encodeFrame } from "./exec-frames.ts";
import type { ExecRequest } from "./messages.ts";

/** Runs until the command or the stream ends; a stream that breaks ends the command. */
export async function runExecSession(
  mesh: Mesh,
  request: ExecRequest,
  stream: Duplex,
): Promise<void> {
  stream.on("error", () => undefined);
  try {
    const running = startCommand(mesh, request);
    joinOutput(running, stream);
    joinInput(running, stream);
    await running.started;
    const { code } = await running.exited;
    stream.end(encodeFrame("exit", String(code)));
  } catch (error) {
    const { message, code } = error as { message: string; code?: unknown };
    stream.write(encodeFrame("failure", message));
    stream.end(encodeFrame("exit", String(typeof code === "number" ? code : 1)));
  }
}

function startCommand(mesh: Mesh, request: ExecRequest): ContainerProcess {
  const member = mesh.find(request.target, request.namespace);
  const io = { stdin: request.stdin ? ("pipe" as const) : ("null" as const) };
  return member.running.exec(request.container, request.command, io);
}

function joinOutput(running: ContainerProcess, stream: Duplex): void {
  for (const kind of ["stdout", "stderr"] as const) {
    const output = running[kind];
    output?.on("data", (chunk: Buffer) => {
      if (stream.write(encodeFrame(kind, chunk))) return;
      // The reader of the command's output is slow: the command waits, as it would on a pipe.
      output.pause();
      stream.once("drain", () => output.resume());
    });
  }
}

function joinInput(running: ContainerProcess, stream: Duplex): void {
  running.stdin?.on("error", () => undefined);
  const read = createFrameReader(({ kind, payload }) => {
    if (kind === "signal") running.kill(payload.toString() as NodeJS.Signals);
    if (kind !== "stdin") return;
    if (payload.length === 0) running.stdin?.end();
    else running.stdin?.write(payload);
  });
  stream.on("data", (chunk: Buffer) => {
    try {
      read(chunk);
    } catch {
      stream.destroy();
    }
  });
  let over = false;
  void running.exited.then(() => {
    over = true;
  });
  stream.on("close", () => {
    if (!over) running.kill("SIGKILL");
  });
}
