/** The admin interface: only on a unix socket in the pod's private tmpfs, so that no request can be tricked into it. */
import { type Log, logLevels } from "../../core/log.ts";
import { jsonPage, type Pages, plainPage } from "../status/respond.ts";

export interface AdminOptions {
  readonly log: Log;
  /** The effective configuration, without secrets. */
  readonly config: () => unknown;
  /** What the proxy knows and holds: certificate, destinations, policies, connections. */
  readonly state: () => unknown;
  /** Who the proxy is, until when, and whom it trusts. */
  readonly certificates: () => unknown;
  /** Destinations that it talked to, with the health and load of their endpoints. */
  readonly endpoints: () => unknown;
  /** What failed lately, the newest first. */
  readonly failures: () => unknown;
  readonly drain: () => void;
}

const usage =
  "GET /config, GET /state, GET /certs, GET /endpoints, GET /failures, PUT /log/LEVEL, POST /drain";

export function adminPages(options: AdminOptions): Pages {
  return async (method, path) => {
    if (path === "/config" && method === "GET") return jsonPage(options.config());
    if (path === "/state" && method === "GET") return jsonPage(options.state());
    if (path === "/certs" && method === "GET") return jsonPage(options.certificates());
    if (path === "/endpoints" && method === "GET") return jsonPage(options.endpoints());
    if (path === "/failures" && method === "GET") return jsonPage(options.failures());
    if (path === "/drain" && method === "POST") {
      options.drain();
      return plainPage(202, "draining");
    }
    const level = /^\/log\/([a-z]+)$/.exec(path)?.[1];
    if (level !== undefined && method === "PUT") return setLevel(options.log, level);
    return plainPage(404, usage);
  };
}

function setLevel(log: Log, level: string): ReturnType<typeof plainPage> {
  if (!(logLevels as readonly string[]).includes(level)) {
    return plainPage(400, `a level is one of ${logLevels.join(", ")}`);
  }
  log.level = level;
  return plainPage(200, `log level is ${level}`);
}
