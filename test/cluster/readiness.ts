/** Waiting until the API server says that it is ready. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { CertificateFiles } from "./certificates.ts";

export interface ReadinessFields {
  readonly url: string;
  readonly root: string;
  readonly client: CertificateFiles;
  /** When one of these ends, waiting is over. */
  readonly daemons: readonly { ended(): string | undefined }[];
}

/** Generous, since many may start at once on a small machine. */
const limit = 120_000;
const pause = 50;

export async function awaitReady({ url, root, client, daemons }: ReadinessFields): Promise<void> {
  const tls = {
    ca: readFileSync(root),
    cert: readFileSync(client.cert),
    key: readFileSync(client.key),
  };
  const end = performance.now() + limit;
  for (;;) {
    const ended = daemons.map((daemon) => daemon.ended()).find((reason) => reason !== undefined);
    if (ended !== undefined) throw new Error(ended);
    const answer = await ask(new URL("/readyz", url), tls);
    if (answer === "ok") return;
    if (performance.now() > end) throw new Error(`no API server within ${limit} ms: ${answer}`);
    await delay(pause);
  }
}

/** The body, or why there was none. */
function ask(url: URL, tls: object): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(url, { ...tls, agent: false, timeout: 5_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(text));
      response.on("error", (error) => resolve(error.message));
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer")));
    sent.on("error", (error) => resolve(error.message));
    sent.end();
  });
}
