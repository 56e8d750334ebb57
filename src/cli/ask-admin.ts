/**
 * `remora admin METHOD PATH`, inside a sidecar's container: asks the admin socket, which nobody reaches from outside.
 * Loads nothing but Node's own HTTP client, since the container's memory is the sidecar's.
 */
import { request } from "node:http";

const usageError = 64; // EX_USAGE

/** Gives the exit code: 0 and the page on stdout, or 1 and the reason on stderr. */
export function askAdmin(
  [method, path]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const socketPath = environment["REMORA_ADMIN_SOCKET"] ?? "/var/run/remora/admin.sock";
  if (method === undefined || path === undefined) {
    process.stderr.write("usage: remora admin METHOD PATH\n");
    return Promise.resolve(usageError);
  }
  return new Promise((resolve) => {
    const fail = (error: Error): void => {
      process.stderr.write(`the admin socket ${socketPath} does not answer: ${error.message}\n`);
      resolve(1);
    };
    const asked = request({ socketPath, method, path, agent: false }, (response) => {
      const isGood = (response.statusCode ?? 500) < 300;
      response.on("error", fail);
      response.on("end", () => resolve(isGood ? 0 : 1));
      response.pipe(isGood ? process.stdout : process.stderr, { end: false });
    });
    asked.on("error", fail);
    asked.end();
  });
}
