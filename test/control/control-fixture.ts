/** Control on loopback with a folder of manifests and certificates of a test authority, and raw clients of it. */
import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import { createSecureContext } from "node:tls";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { pino } from "pino";
import { discoveryPath } from "../../src/api/discovery.ts";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
} from "../../src/api/gen/discovery_pb.ts";
import { type RunningControl, startControl } from "../../src/control/app.ts";
import { type ControlConfig, readControlConfig } from "../../src/control/config.ts";
import { discoveryServiceDefinition } from "../../src/control/xds/service.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createWatch } from "../../src/core/watch.ts";
import type { Authority } from "../../src/identity/authority.ts";
import { openAuthority } from "../../src/identity/authority-files.ts";
import { certify, tlsOptionsOf } from "../identity/certified-peer.ts";
import { eventually } from "./eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";

export const webIdentity = "spiffe://cluster.local/ns/shop/sa/web";
export const controlIdentity = "spiffe://cluster.local/ns/remora-system/sa/remora-control";

export interface ControlFixture {
  readonly folder: TemporaryFolder;
  readonly authority: Authority;
  readonly control: RunningControl;
  readonly port: number;
  readonly logLines: () => readonly string[];
  metrics(): Promise<string>;
  /** Another control on the same port, folder and authority; the first one must be closed. */
  restart(): Promise<RunningControl>;
  dial(identity?: string): Peer;
}

/** A client with the identity, for its streams. */
export interface Peer {
  readonly client: Client;
  stream(): RawStream;
}

export interface RawStream {
  readonly call: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  send(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void;
  /** The next response that was not taken yet. */
  next(): Promise<DeltaDiscoveryResponse>;
  /** How many responses came that were not taken. */
  waiting(): number;
  readonly status: Promise<StatusObject>;
}

export async function startControlFixture(
  context: TestContext,
  manifests: Readonly<Record<string, string>> = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<ControlFixture> {
  const folder = temporaryFolder(context);
  const secrets = temporaryFolder(context);
  for (const [name, text] of Object.entries(manifests)) folder.write(name, text);
  const { authority } = openAuthority(secrets.path, "cluster.local", Date.now());
  const sink = new PassThrough();
  const lines: string[] = [];
  sink.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trim().split("\n")));
  const log = pino({ level: "debug" }, sink);
  const start = (config: ControlConfig): Promise<RunningControl> =>
    startControl(config, { clock: systemClock, log, certificate: ownCertificate(authority) });
  const config = readControlConfig({
    REMORA_CONTROL_MANIFESTS: folder.path,
    REMORA_CONTROL_LISTEN: "127.0.0.1:0",
    REMORA_CONTROL_METRICS_LISTEN: "127.0.0.1:0",
    REMORA_CONTROL_DRAIN_TIME: "1s",
    ...settings,
  });
  const control = await start(config);
  const running = [control];
  context.after(() => Promise.all(running.map((item) => item.close())));
  const port = await control.listening;
  return {
    folder,
    authority,
    control,
    port,
    logLines: () => lines,
    metrics: async () => {
      const response = await fetch(`http://127.0.0.1:${control.metricsPort}/metrics`);
      return await response.text();
    },
    restart: async () => {
      const again = await start({ ...config, listen: { ip: "127.0.0.1", port } });
      running.push(again);
      await again.listening;
      return again;
    },
    dial: (identity = webIdentity) => {
      const peer = dialControl(authority, port, identity);
      context.after(() => peer.client.close());
      return peer;
    },
  };
}

function ownCertificate(authority: Authority) {
  const own = certify(authority, { uri: controlIdentity });
  return createWatch({
    certificatePem: own.chainPem,
    privateKeyPem: own.keyPem,
    trustBundlePem: authority.rootPem,
  });
}

function dialControl(authority: Authority, port: number, identity: string): Peer {
  const own = certify(authority, { uri: identity });
  const context = createSecureContext(tlsOptionsOf(own, authority.rootPem));
  const channel = credentials.createFromSecureContext(context, {
    checkServerIdentity: () => undefined,
  });
  const client = new Client(`127.0.0.1:${port}`, channel, serverName);
  return { client, stream: () => openStream(client) };
}

/** Node takes no IP address for a server name; nobody looks at the name. */
export const serverName = { "grpc.ssl_target_name_override": "remora-control" };

function openStream(client: Client): RawStream {
  const { requestSerialize, responseDeserialize } =
    discoveryServiceDefinition.deltaAggregatedResources;
  const call = client.makeBidiStreamRequest<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(
    discoveryPath,
    requestSerialize,
    responseDeserialize,
  );
  const responses: DeltaDiscoveryResponse[] = [];
  const status = Promise.withResolvers<StatusObject>();
  call.on("data", (response: DeltaDiscoveryResponse) => responses.push(response));
  call.on("error", () => {});
  call.on("status", (value) => status.resolve(value));
  return {
    call,
    send: (request) => void call.write(create(DeltaDiscoveryRequestSchema, request)),
    next: () => eventually("response", () => responses.shift()),
    waiting: () => responses.length,
    status: status.promise,
  };
}

const yamlOf = (object: unknown): string => JSON.stringify(object);

export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly ready?: boolean;
  readonly account?: string;
}

/** A pod with a sidecar, as the local runner writes it. */
export function podManifest(name: string, ip: string, options: PodOptions = {}): string {
  const { labels = { app: "web" }, ready = true, account = "web" } = options;
  return yamlOf({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      uid: `uid-${name}`,
      labels,
      annotations: { "remora.dev/injected": "1" },
    },
    spec: {
      serviceAccountName: account,
      containers: [{ name: "app", ports: [{ name: "main", containerPort: 8080 }] }],
    },
    status: { podIP: ip, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  });
}

export function serviceManifest(name: string, ip: string): string {
  return yamlOf({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: {
      clusterIP: ip,
      selector: { app: "web" },
      ports: [{ name: "http", port: 80, targetPort: "main" }],
    },
  });
}

export function policyManifest(name: string, spec: unknown, namespace = "shop"): string {
  return yamlOf({
    apiVersion: "policy.remora.dev/v1alpha1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace },
    spec,
  });
}
