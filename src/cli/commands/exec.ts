import type { Duplex } from "node:stream";
import { createFrameReader, encodeFrame } from "../../local/api/exec-frames.ts";
import {
  type Command,
  meshHelp,
  meshOption,
  namespaceHelp,
  namespaceOption,
  takePositionals,
  textOption,
  UsageError,
} from "../command.ts";
import { findMesh } from "../mesh-client.ts";

export const execCommand: Command = {
  name: "exec",
  summary: "run a command inside a pod, as the user of its app",
  usage: "exec POD [-c CONTAINER] [-n NAMESPACE] [--name MESH] -- COMMAND [ARGUMENT…]",
  options: {
    ...meshOption,
    ...namespaceOption,
    container: { type: "string", short: "c" },
    // kubectl's habits: input is always passed on here, and there is no terminal to ask for.
    stdin: { type: "boolean", short: "i" },
    tty: { type: "boolean", short: "t" },
  },
  optionHelp: {
    container: "a container; the first app when left out",
    stdin: "accepted for kubectl's sake: input is passed on in any case",
    ...namespaceHelp,
    ...meshHelp,
  },
  examples: [
    ["remora exec deploy/web -- curl -s http://catalog:8080/", "a request through the sidecar"],
    ["remora exec deploy/web -- id", "who the app is"],
    ["echo hello | remora exec deploy/web -- cat", "with input"],
  ],
  async run(args, environment) {
    const [target = ""] = takePositionals(args, "POD");
    const command = args.rest ?? [];
    if (command.length === 0) throw new UsageError("the command is missing: put it after --");
    const stream = await findMesh(textOption(args, "name"), environment).exec({
      namespace: textOption(args, "namespace"),
      target,
      container: textOption(args, "container"),
      command,
      stdin: true,
    });
    return await joinStreams(stream);
  },
};

/** Fulfilled with the command's exit code, or 1 when the mesh ends before it. */
function joinStreams(stream: Duplex): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stream.write(encodeFrame("signal", signal)));
  }
  process.stdin.on("data", (chunk: Buffer) => {
    if (stream.write(encodeFrame("stdin", chunk))) return;
    process.stdin.pause();
    stream.once("drain", () => process.stdin.resume());
  });
  process.stdin.on("end", () => stream.write(encodeFrame("stdin")));
  process.stdin.on("error", () => stream.write(encodeFrame("stdin")));
  return new Promise((resolve) => {
    let code: number | undefined;
    const read = createFrameReader(({ kind, payload }) => {
      if (kind === "stdout") process.stdout.write(payload);
      else if (kind === "stderr") process.stderr.write(payload);
      else if (kind === "exit") code = Number(payload.toString());
      else if (kind === "failure") process.stderr.write(`remora: ${payload.toString()}\n`);
    });
    stream.on("data", read);
    stream.on("error", () => undefined);
    stream.on("close", () => {
      if (code === undefined) process.stderr.write("remora: the mesh ended\n");
      // An input that stays open must not keep the program when the command is done.
      process.stdin.destroy();
      resolve(code ?? 1);
    });
  });
}
