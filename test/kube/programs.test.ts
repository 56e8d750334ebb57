/** Unmodified programs as Debian packages them, as real pods: each does its work through the mesh, with its caller's identity. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  type AppName,
  appImageName,
  appImages,
  buildAppImage,
} from "../cluster/image/app-images.ts";
import {
  type App,
  deployApps,
  injectLabel,
  podOf,
  provideSources,
  samplesOf,
  sourceFolder,
  sourceMount,
  sourceVolume,
  sum,
} from "./app.ts";
import { apply, makeNamespace, ownCluster, runToEnd } from "./kube.ts";
import { installMesh, uninstallMesh } from "./mesh.ts";

const nginxConfig = `
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server { listen 8080; location / { return 200 "nginx says hello\\n"; } }
}
`;

function program(name: AppName, command: readonly string[], more: object = {}): object {
  const image = appImageName(name);
  return { name, image, imagePullPolicy: "IfNotPresent", command, ...more };
}

const skip = ownCluster === undefined && "the cluster is not this run's own";

describe("programs that know nothing of the mesh", { skip }, () => {
  before(async () => {
    await loadImages(["curl", "nginx", "postgres", "python", "redis"]);
    await installMesh();
  });
  after(() => uninstallMesh());

  test("nginx answers curl", async (context) => {
    const namespace = await enter(context, "kube-nginx", {
      name: "nginx",
      containers: [
        program("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c", "/config/nginx.conf"], {
          volumeMounts: [{ name: "config", mountPath: "/config" }],
          readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
        }),
      ],
      ports: { http: 8080 },
      volumes: [{ name: "config", configMap: { name: "config" } }],
    });
    const said = await call(namespace, program("curl", ["curl", "-sS", "http://nginx:8080/"]));
    assert.equal(said, "nginx says hello\n");
    await assertCaller(namespace, "nginx", "remora_requests_total");
  });

  test("Redis keeps what it was given", async (context) => {
    const namespace = await enter(context, "kube-redis", {
      name: "redis",
      containers: [
        program("redis", ["redis-server", "--protected-mode", "no", "--save", ""], {
          readinessProbe: { tcpSocket: { port: 6379 }, periodSeconds: 1 },
        }),
      ],
      ports: { redis: 6379 },
    });
    const benchmark = ["redis-benchmark", "-h", "redis", "-n", "5000", "-c", "20", "-t", "set,get"];
    const figures = await call(namespace, program("redis", [...benchmark, "-q"]));
    assert.match(figures, /SET: [\d.]+ requests per second[^]*GET: [\d.]+ requests per second/);
    const client = ["redis-cli", "-h", "redis"];
    await call(namespace, program("redis", [...client, "set", "fish", "remora"]), "set");
    const kept = await call(namespace, program("redis", [...client, "get", "fish"]), "get");
    assert.equal(kept.trim(), "remora");
    await assertCaller(namespace, "redis", "remora_tcp_connections_total");
  });

  test("PostgreSQL sends a large result unchanged", async (context) => {
    const start = `
      export PATH=${join(postgresPath("initdb"), "..")}
      initdb -D /data/db -U postgres -A trust --no-sync
      echo 'host all all all trust' >> /data/db/pg_hba.conf
      exec postgres -D /data/db -k /data -c listen_addresses='*' -c fsync=off`;
    const namespace = await enter(context, "kube-postgres", {
      name: "postgres",
      containers: [
        program("postgres", ["/bin/sh", "-c", start], {
          // nobody: initdb wants a user that has a name, and refuses root.
          securityContext: { runAsUser: 65_534, runAsGroup: 65_534 },
          volumeMounts: [{ name: "data", mountPath: "/data" }],
          readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
        }),
      ],
      ports: { postgres: 5432 },
      volumes: [{ name: "data", emptyDir: {} }],
    });
    const query = "select i, repeat('fish', 50) from generate_series(1, 20000) i";
    const psql = [postgresPath("psql"), "-h", "postgres", "-U", "postgres", "-Atc", query];
    const lines = (await call(namespace, program("postgres", psql))).trim().split("\n");
    assert.equal(lines.length, 20_000);
    assert.equal(lines.at(-1), `20000|${"fish".repeat(50)}`);
    await assertCaller(namespace, "postgres", "remora_tcp_connections_total");
  });

  test("Google's gRPC core meets itself", async (context) => {
    const mounts = { volumeMounts: [sourceMount] };
    const namespace = await enter(context, "kube-grpc", {
      name: "grpc",
      containers: [
        program("python", ["python3", `${sourceFolder}/grpc_server.py`], {
          ...mounts,
          env: [{ name: "PORT", value: "9090" }],
          readinessProbe: { tcpSocket: { port: 9090 }, periodSeconds: 1 },
        }),
      ],
      ports: { grpc: 9090 },
      volumes: [sourceVolume],
    });
    const client = ["python3", `${sourceFolder}/grpc_client.py`, "grpc:9090"];
    const answers = JSON.parse(await call(namespace, program("python", client, mounts))) as object;
    assert.deepEqual(
      Object.entries(answers).filter(([, answer]) => answer !== "ok"),
      [],
    );
    await assertCaller(namespace, "grpc", "remora_requests_total");
  });
});

/** A namespace of the mesh with the app, what its programs read, and the account of who calls it. */
async function enter(context: TestContext, name: string, app: App): Promise<string> {
  const namespace = await makeNamespace(context, name, injectLabel);
  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "config" } };
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "caller" } };
  await apply(namespace, account, { ...configMap, data: { "nginx.conf": nginxConfig } });
  await provideSources(namespace);
  await deployApps(namespace, app);
  return namespace;
}

/** Runs the container as a pod of its own to its end; gives what it printed. */
async function call(namespace: string, container: object, name = "caller"): Promise<string> {
  const spec = {
    serviceAccountName: "caller",
    restartPolicy: "Never",
    containers: [container],
    volumes: [sourceVolume],
  };
  await apply(namespace, { apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
  return runToEnd(namespace, name);
}

/** Everything that came in came from the caller, by its certificate; the kubelet's probes are counted elsewhere. */
async function assertCaller(namespace: string, app: string, metric: string): Promise<void> {
  const samples = await samplesOf(namespace, (await podOf(namespace, app)).metadata.name);
  const peer = `spiffe://cluster.local/ns/${namespace}/sa/caller`;
  const known = sum(samples, metric, { direction: "inbound", peer });
  assert.ok(known > 0, `${app} has counted nobody`);
  assert.equal(sum(samples, metric, { direction: "inbound" }), known);
}

function postgresPath(name: string): string {
  const path = appImages.postgres.programs.find((one) => one.endsWith(`/${name}`));
  assert.ok(path, `${name} is missing (Debian: apt install ${appImages.postgres.package})`);
  return path;
}

async function loadImages(names: readonly AppName[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "remora-images-"));
  try {
    for (const name of names) {
      const file = join(folder, `${name}.tar`);
      await buildAppImage(name, file);
      ownCluster?.loadImage(file);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
