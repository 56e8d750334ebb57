/** What port 15020 answers: metrics, readiness, liveness, and the relay of the application's probes. */
import type { Probe } from "../../api/kubernetes.ts";
import type { ProbeTable } from "./probe-table.ts";
import type { Readiness } from "./readiness.ts";
import { type Page, type Pages, plainPage } from "./respond.ts";

export interface StatusOptions {
  readonly readiness: Readiness;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** The fingerprint of the trust bundle in force: identity asks every pod for it while a root is replaced. */
  readonly trustBundle: () => string;
  readonly probes: ProbeTable;
  /** Asks the application; gives undefined when it is well, else what was wrong. */
  readonly probe: (probe: Probe) => Promise<string | undefined>;
}

export function statusPages(options: StatusOptions): Pages {
  return async (method, path) => {
    if (method !== "GET" && method !== "HEAD") return plainPage(405, "only GET is answered here");
    if (path === "/metrics") return await metricsPage(options);
    if (path === "/live") return plainPage(200, "live");
    if (path === "/ready") return readyPage(options.readiness);
    if (path === "/trust-bundle") return plainPage(200, options.trustBundle());
    const probe = options.probes.get(path);
    if (probe === undefined) return plainPage(404, "try /metrics, /ready or /live");
    const fault = await options.probe(probe);
    return fault === undefined ? plainPage(200, "ok") : plainPage(503, fault);
  };
}

async function metricsPage(options: StatusOptions): Promise<Page> {
  return {
    status: 200,
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    body: await options.metrics(),
  };
}

function readyPage(readiness: Readiness): Page {
  const waiting = readiness.waitingFor();
  if (waiting.length === 0) return plainPage(200, "ready");
  return plainPage(503, `waiting for ${waiting.join(", ")}`);
}
