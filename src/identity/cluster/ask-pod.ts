/** One small page of a pod, over plain HTTP. */
import { get } from "node:http";
import { seconds } from "../../core/duration.ts";

/** A pod of the same cluster answers in milliseconds. */
const timeout = seconds(2);
/** A control-plane program's metrics have some 50 KB. */
const maxBytes = 1024 * 1024;

export type AskPod = (ip: string, port: number, path: string) => Promise<string>;

/** Rejects with what was wrong: no connection, no answer in time, another status than 200. */
export async function askPod(ip: string, port: number, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get(
    { host: ip, port, path, agent: false, signal: AbortSignal.timeout(timeout) },
    (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBytes) response.destroy(new Error("an answer that is too long"));
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
        else reject(new Error(`status ${response.statusCode}`));
      });
    },
  );
  request.on("error", reject);
  return await promise;
}
