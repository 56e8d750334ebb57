/** The smallest mesh that has a request to carry: two pods, one Service, and the environments of all programs. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { seconds } from "../../src/core/duration.ts";
import { createTokenSigner, type TokenSigner } from "../../src/identity/local-issuer.ts";
import type { Traffic } from "../peer.ts";
import { clientAddress, serverAddress } from "../site/network.ts";
import { type Site, sidecarUser } from "../site/site.ts";
import type { Features } from "./remora.ts";
import { createObjects, declared, kubernetesNamespace, podUid } from "./remora-objects.ts";

type Environment = Readonly<Record<string, string>>;

export interface Sidecar {
  readonly name: string;
  readonly namespace: string;
  readonly env: Environment;
  readonly initEnv: Environment;
}

interface Plane {
  readonly port: number;
  readonly env: Environment;
}

export interface BenchMesh {
  readonly identity: Plane;
  readonly control: Plane;
  readonly client: Sidecar;
  readonly server: Sidecar;
}

const identityPort = 15_012;
const controlPort = 15_010;

export function createBenchMesh(
  folder: string,
  site: Site,
  traffic: Traffic,
  features: Features,
): BenchMesh {
  const make = (name: string) => {
    mkdirSync(`${folder}/${name}`, { recursive: true });
    return `${folder}/${name}`;
  };
  const signer = createTokenSigner(make("tokens"));
  const bundleFile = `${make("bundle")}/ca.pem`;
  const manifests = make("manifests");
  writeFileSync(`${manifests}/bench.json`, JSON.stringify(createObjects(site, traffic, features)));
  const context = { folder, signer, bundleFile, site, traffic, features };
  return {
    identity: {
      port: identityPort,
      env: {
        REMORA_IDENTITY_CA_DIR: make("authority"),
        REMORA_IDENTITY_JWKS_FILE: signer.jwksFile,
        REMORA_IDENTITY_TOKEN_ISSUER: signer.issuer,
        REMORA_IDENTITY_BUNDLE_FILE: bundleFile,
      },
    },
    control: {
      port: controlPort,
      env: {
        REMORA_CONTROL_MANIFESTS: manifests,
        // Beside identity in one namespace; in a cluster each has its own.
        REMORA_CONTROL_METRICS_LISTEN: "127.0.0.1:15016",
        REMORA_IDENTITY_ADDRESS: `localhost:${identityPort}`,
        REMORA_TOKEN_FILE: writeToken(folder, signer, "remora-system", "remora-control"),
        REMORA_TRUST_BUNDLE_FILE: bundleFile,
      },
    },
    client: createSidecar(context, "client"),
    server: createSidecar(context, "server"),
  };
}

interface Context {
  readonly folder: string;
  readonly signer: TokenSigner;
  readonly bundleFile: string;
  readonly site: Site;
  readonly traffic: Traffic;
  readonly features: Features;
}

function createSidecar(context: Context, name: "client" | "server"): Sidecar {
  const { folder, signer, bundleFile, site, traffic } = context;
  const isServer = name === "server";
  const privateFolder = `${folder}/private-${name}`;
  mkdirSync(privateFolder, { recursive: true });
  chownSync(privateFolder, sidecarUser, sidecarUser);
  chmodSync(privateFolder, 0o700);
  return {
    name: isServer ? "inbound" : "outbound",
    namespace: isServer ? site.serverNamespace : site.clientNamespace,
    env: {
      REMORA_POD_NAME: name,
      REMORA_POD_NAMESPACE: kubernetesNamespace,
      REMORA_POD_UID: podUid(name),
      REMORA_POD_IP: isServer ? serverAddress : clientAddress,
      REMORA_SERVICE_ACCOUNT: name,
      REMORA_NODE_NAME: "bench",
      REMORA_IDENTITY_ADDRESS: `${serverAddress}:${identityPort}`,
      REMORA_CONTROL_ADDRESS: `${serverAddress}:${controlPort}`,
      REMORA_TOKEN_FILE: writeToken(folder, signer, kubernetesNamespace, name),
      REMORA_TRUST_BUNDLE_FILE: bundleFile,
      REMORA_ADMIN_SOCKET: `${privateFolder}/admin.sock`,
      REMORA_ACCESS_LOG: context.features.accessLog === true ? "on" : "off",
      REMORA_DRAIN_TIME: "1s",
      ...(isServer
        ? { REMORA_INBOUND_PROTOCOLS: `${site.backendPort}=${declared[traffic].inbound}` }
        : {}),
    },
    // Identity and control share the server's namespace, where in a cluster they have pods of their own.
    initEnv: isServer ? { REMORA_SKIP_INBOUND_PORTS: `${controlPort},${identityPort}` } : {},
  };
}

function writeToken(
  folder: string,
  signer: TokenSigner,
  namespace: string,
  serviceAccount: string,
): string {
  const file = `${folder}/${serviceAccount}.token`;
  const pod = { podName: serviceAccount, podUid: podUid(serviceAccount) };
  const request = {
    namespace,
    serviceAccount,
    ...pod,
    audience: "remora",
    lifetime: seconds(86_400),
  };
  writeFileSync(file, signer.sign(request));
  return file;
}
