/** Runs a command in a pod's container, through the API server to the kubelet. No shell is needed there. */
import { Writable } from "node:stream";
// The package's root also loads its generated API classes, 9 MB that nobody here uses.
import { Exec } from "@kubernetes/client-node/dist/exec.js";
import type { Millis } from "../core/duration.ts";
import { type ConnectionOptions, loadKubeConfig } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";

export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Throws a KubernetesError when the command was not run, or has not ended in time. */
export async function execInPod(
  connection: ConnectionOptions,
  { namespace, pod, container, command }: ExecTarget,
  timeout: Millis,
): Promise<ExecResult> {
  const exec = new Exec(loadKubeConfig(connection));
  const [stdout, stderr] = [collect(), collect()];
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(failed("Timeout", "no end in time")), timeout);
  try {
    const socket = await exec.exec(
      namespace,
      pod,
      container,
      [...command],
      stdout.stream,
      stderr.stream,
      null,
      false,
      (status) => resolve(exitCodeOf(status)),
    );
    socket.on("close", () => reject(failed("Unreachable", "the connection ended early")));
    const code = await promise;
    socket.close();
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } catch (error) {
    if (error instanceof KubernetesError) throw error;
    throw failed("Unreachable", error instanceof Error ? error.message : describe(error), error);
  } finally {
    clearTimeout(timer);
  }
}

interface Status {
  readonly status?: string;
  readonly details?: { readonly causes?: readonly { reason?: string; message?: string }[] };
}

/** Of a command that failed the exit code is among the causes. */
function exitCodeOf({ status, details }: Status): number {
  if (status === "Success") return 0;
  const cause = details?.causes?.find(({ reason }) => reason === "ExitCode");
  return Number(cause?.message ?? 1);
}

function failed(reason: string, what: string, cause?: unknown): KubernetesError {
  const facts = { status: 0, reason, ...(cause !== undefined && { cause }) };
  return new KubernetesError(`exec: ${what}`, facts);
}

/** A refused upgrade is an event of the WebSocket's library, no Error. */
function describe(event: unknown): string {
  const message = (event as { readonly message?: unknown } | null)?.message;
  return typeof message === "string" ? message : String(event);
}

function collect(): { readonly stream: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
