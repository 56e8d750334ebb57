/** The same streams with servers that others wrote as the application: they see a strict reading's requests, or fewer. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { findGo, noGo } from "../support/go-judge.ts";
import { startGoServer } from "./backends/go.ts";
import { startHaproxy } from "./backends/haproxy.ts";
import { startNginx } from "./backends/nginx.ts";
import type { RecordedServer } from "./backends/recorded-server.ts";
import { runCases, seed, startPair } from "./differential.ts";

interface Backend {
  readonly start: (host: string) => Promise<RecordedServer>;
  readonly skip: string | false;
  /** The least share of the requests of a strict reading that the server serves: none would prove nothing. */
  readonly share: number;
}

const backends: Readonly<Record<string, Backend>> = {
  nginx: { start: startNginx, skip: missing("nginx", "-v"), share: 0.8 },
  HAProxy: { start: startHaproxy, skip: missing("haproxy", "-v"), share: 0.99 },
  "Go's net/http": { start: startGoServer, skip: findGo() === undefined && noGo, share: 0.95 },
};

function missing(program: string, flag: string): string | false {
  return spawnSync(program, [flag]).error !== undefined && `${program} is not installed`;
}

// Side by side: most of a case is waiting for another process.
describe("behind two sidecars", { concurrency: true }, () => {
  for (const [at, [name, { start, skip, share }]] of Object.entries(backends).entries()) {
    test(`${name} sees what a strict reading gives (SEED=${seed})`, { skip }, async (context) => {
      const pair = await startPair(`127.0.1.${60 + 2 * at}`, `127.0.1.${61 + 2 * at}`);
      try {
        await using server = await start(pair.server.ip);
        pair.aim(server.port);
        const tally = await runCases(pair, { rule: "some", seen: () => server.seen() });
        const { expected, seen } = tally;
        context.diagnostic(`${seen} of the ${expected} requests of a strict reading were served`);
        assert.ok(seen >= expected * share, `${seen} of ${expected} requests were seen`);
      } finally {
        await pair.stop();
      }
    });
  }
});
