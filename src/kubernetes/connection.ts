/** Where the API server is and how one proves who one is: client-node's KubeConfig, read again when files rotate. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent, type RequestOptions } from "node:https";
import { delimiter } from "node:path";
// The package's root also loads its generated API classes, 9 MB that nobody here uses.
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";

export interface ConnectionOptions {
  /** Path of a kubeconfig file, or several with `:` between them; absent: the pod's own service account. */
  readonly kubeconfig?: string;
  /** A context of the kubeconfig; absent: its current one. */
  readonly context?: string;
}

export interface Connection {
  readonly server: URL;
  /** The context's namespace; in a pod the pod's own. */
  readonly namespace: string | undefined;
  /** Credentials as of now: a service-account token is read again every minute, certificates every time. */
  requestOptions(): Promise<RequestOptions>;
  /** Reads everything again for the next request: what we had was refused. */
  reload(): void;
  close(): void;
}

/** Connections beyond it wait; each watch holds one. */
const maxConnections = 64;

/** Throws when there is no API server to be found. */
export function openConnection(options: ConnectionOptions): Connection {
  let config = loadKubeConfig(options);
  const agents = createAgents();
  return {
    server: serverOf(config),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    async requestOptions() {
      const given: RequestOptions = {};
      await config.applyToHTTPSOptions(given);
      // Through a proxy only the library's own agent finds the way.
      if (config.getCurrentCluster()?.proxyUrl !== undefined) return given;
      return { ...given, agent: agents.get(serverOf(config).protocol, given) };
    },
    reload() {
      config = loadKubeConfig(options);
    },
    close: () => agents.close(),
  };
}

/** Throws when a file cannot be read. */
export function loadKubeConfig(options: ConnectionOptions): KubeConfig {
  const config = new KubeConfig();
  if (options.kubeconfig === undefined) config.loadFromCluster();
  else {
    const [first = "", ...others] = options.kubeconfig.split(delimiter).filter((path) => path);
    config.loadFromFile(first);
    for (const path of others) {
      const next = new KubeConfig();
      next.loadFromFile(path);
      config.mergeConfig(next, true);
    }
  }
  if (options.context !== undefined) config.setCurrentContext(options.context);
  return config;
}

function serverOf(config: KubeConfig): URL {
  const server = config.getCurrentCluster()?.server ?? "";
  try {
    return new URL(server);
  } catch {
    throw new Error("no API server: not in a pod, and the kubeconfig names no cluster");
  }
}

/** Keeps connections for as long as they were opened with the same certificates. */
function createAgents(): {
  get(protocol: string, tls: RequestOptions): HttpAgent;
  close(): void;
} {
  let agent: HttpAgent | undefined;
  let openedWith = "";
  const options = { keepAlive: true, keepAliveMsecs: 15_000, maxSockets: maxConnections };
  return {
    get(protocol, { ca, cert, key, servername, rejectUnauthorized }) {
      const material = JSON.stringify([ca, cert, key]);
      if (agent !== undefined && material === openedWith) return agent;
      // Watches on its connections are cut, and go on from where they were with the new certificates.
      agent?.destroy();
      openedWith = material;
      const tls = { ca, cert, key, ...(servername === undefined ? {} : { servername }) };
      const verify = rejectUnauthorized === undefined ? {} : { rejectUnauthorized };
      agent =
        protocol === "http:"
          ? new HttpAgent(options)
          : new HttpsAgent({ ...options, ...tls, ...verify });
      return agent;
    },
    close: () => agent?.destroy(),
  };
}
