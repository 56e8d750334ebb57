/** Many sidecars' discovery clients in one process: the proxy's own code, each on its own mTLS connection. */
import { generateKeyPairSync } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { pino } from "pino";
import { decodeDeltaResponse } from "../../src/api/wire/discovery.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { GrpcClient } from "../../src/protocol/grpc/client.ts";
import { createControlPlaneClient } from "../../src/proxy/control-plane.ts";
import { createDiscoveryClient, type DiscoveryClient } from "../../src/proxy/discovery/client.ts";
import { createWireContext, startTicking } from "../../src/proxy/transport/wire-context.ts";
import { requestCertificate } from "./certificate.ts";
import { homeNamespace, podIp, podName, podUid, serviceIp } from "./objects.ts";

export interface SubscriberSettings {
  readonly identityPort: number;
  readonly tokenFile: string;
  readonly bundleFile: string;
  readonly proxies: number;
  /** Services that each follows, the changing one included. */
  readonly services: number;
  readonly of: number;
}

export type SubscriberOrder =
  /** Connections from now on go to these, at random, as kube-proxy does it. */
  | { readonly kind: "ports"; readonly ports: readonly number[] }
  | { readonly kind: "start" }
  /** Forgets what was counted, and waits for the resource. */
  | { readonly kind: "expect"; readonly resource: string };

export interface SubscriberReport {
  readonly connected: number;
  readonly subscribed: number;
  readonly resources: number;
  /** When each proxy heard of the expected resource, on the clock of `process.hrtime`. */
  readonly heard: readonly string[];
  /** When each stream had its first answer. */
  readonly answered: readonly string[];
}

const settings = JSON.parse(process.argv[2] ?? "{}") as SubscriberSettings;
const log = pino({ level: "silent" });
const wires = createWireContext();
startTicking(wires, systemClock);
let ports: readonly number[] = [];
let expected = "";
let resources = 0;
let heard: string[] = [];
let answered: string[] = [];
let connected = 0;
let subscribed = 0;

const address = {
  host: "127.0.0.1",
  get port(): number {
    return ports[Math.floor(Math.random() * ports.length)] ?? 0;
  },
};

/** Looks at what goes by. */
function observe(grpc: GrpcClient): GrpcClient {
  return {
    unary: (options, request) => grpc.unary(options, request),
    disconnect: () => grpc.disconnect(),
    close: () => grpc.close(),
    stream(options, events) {
      let first = true;
      return grpc.stream(options, {
        onMessage(message) {
          const now = String(process.hrtime.bigint());
          if (first) {
            connected += 1;
            answered.push(now);
          }
          first = false;
          const response = decodeDeltaResponse(message);
          resources += response.resources.length;
          if (response.resources.some(({ name }) => name === expected)) heard.push(now);
          events.onMessage(message);
        },
        onEnd(error) {
          if (!first) connected -= 1;
          events.onEnd(error);
        },
      });
    },
  };
}

async function start(): Promise<void> {
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const own = await requestCertificate(settings, key);
  const context = createSecureContext({ ...own, minVersion: "TLSv1.3", ecdhCurve: "X25519" });
  for (let index = 0; index < settings.proxies; index += 1) {
    await follow(connect(index, context), index);
    subscribed += 1;
  }
}

function connect(index: number, context: SecureContext): DiscoveryClient {
  const trustDomain = "cluster.local";
  const peer = { address, serviceAccount: "remora-control", trustDomain } as const;
  const grpc = createControlPlaneClient(
    { ...peer, secureContext: () => context },
    wires,
    systemClock,
  );
  // Every fifth pod is of the home namespace.
  const pod = index * 5;
  return createDiscoveryClient({
    grpc: observe(grpc),
    clock: systemClock,
    log,
    pod: {
      name: podName(pod),
      namespace: homeNamespace,
      uid: podUid(pod),
      ip: podIp(pod),
      node: "",
    },
  });
}

async function follow(client: DiscoveryClient, index: number): Promise<void> {
  await client.loaded;
  const step = Math.floor(settings.of / settings.services);
  const keys = Array.from({ length: settings.services }, (_, count) =>
    count === 0 ? 0 : (index + count * step) % settings.of,
  );
  await Promise.all(keys.map((service) => client.resolve(serviceIp(service), 80)));
}

process.on("message", (order: SubscriberOrder | { readonly kind: "report" }) => {
  if (order.kind === "ports") ports = order.ports;
  else if (order.kind === "start") void start();
  else if (order.kind === "expect") {
    expected = order.resource;
    resources = 0;
    heard = [];
    answered = [];
  } else {
    const report: SubscriberReport = { connected, subscribed, resources, heard, answered };
    process.send?.(report);
  }
});
process.on("disconnect", () => process.exit());
