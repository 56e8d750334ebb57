import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import type { Pod, Volume } from "../../api/kubernetes.ts";
import { ObjectStore } from "../objects.ts";
import { renderVolume, type VolumeSources, writeFiles } from "./volume-files.ts";

const folder = mkdtempSync(join(tmpdir(), "remora-volume-"));
afterEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
});
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const objects = new ObjectStore();
objects.change([
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "shop" },
    data: { "a.conf": "A", "b.conf": "B" },
  },
]);
const sources: VolumeSources = {
  objects,
  place: { ip: "10.0.0.2", hostIp: "10.0.0.1", nodeName: "local" },
  token: (_pod, audience, lifetime) => `token for ${audience} ${lifetime}`,
};

function render(volume: Omit<Volume, "name">, mounters: readonly number[] = [5]): string[] {
  const containers = mounters.map((runAsUser, index) => ({
    name: `c${index}`,
    securityContext: { runAsUser },
    volumeMounts: [{ name: "v", mountPath: "/v" }],
  }));
  const metadata = { name: "web", namespace: "shop", labels: { app: "web", tier: "1" } };
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers } };
  return renderVolume({ name: "v", ...volume }, pod, sources).map(
    ({ path, content, mode, owner }) =>
      `${path} ${mode.toString(8)} ${owner ?? "-"} ${content.toString()}`,
  );
}

test("a ConfigMap is one file a key, or the chosen keys under their paths and modes", () => {
  assert.deepEqual(render({ configMap: { name: "settings" } }), [
    "a.conf 644 - A",
    "b.conf 644 - B",
  ]);
  const items = [{ key: "b.conf", path: "sub/x", mode: 0o600 }];
  assert.deepEqual(render({ configMap: { name: "settings", items } }), ["sub/x 600 - B"]);
});

test("a missing object is waited for, unless it is optional", () => {
  assert.throws(() => render({ secret: { secretName: "x" } }), { name: "NotYet" });
  assert.deepEqual(render({ secret: { secretName: "x", optional: true } }), []);
});

const token = { serviceAccountToken: { audience: "remora", path: "token" } };

test("a token that one container mounts is for that container's user alone", () => {
  const lines = render({ projected: { sources: [token] } }, [15_008]);
  assert.deepEqual(lines, ["token 600 15008 token for remora 3600"]);
});

test("a token that several containers mount can be read by each of them", () => {
  const lines = render({ projected: { sources: [token] } }, [1, 2]);
  assert.deepEqual(lines, ["token 644 - token for remora 3600"]);
});

test("the downward API writes labels as the kubelet does", () => {
  const items = [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }];
  assert.deepEqual(render({ downwardAPI: { items } }), ['labels 644 - app="web"\ntier="1"']);
});

test("writing brings the folder to exactly the given files", () => {
  const file = (path: string, text: string) => ({ path, content: Buffer.from(text), mode: 0o640 });
  writeFiles(folder, [file("a", "1"), file("sub/b", "2")]);
  assert.equal(readFileSync(join(folder, "sub/b"), "utf8"), "2");
  assert.equal(statSync(join(folder, "a")).mode & 0o777, 0o640);
  const before = statSync(join(folder, "a")).ino;
  writeFiles(folder, [file("a", "1")]);
  assert.equal(statSync(join(folder, "a")).ino, before, "an unchanged file is left alone");
  assert.deepEqual(readdirSync(join(folder, "sub")), []);
});

test("a path cannot leave its volume", () => {
  writeFiles(folder, [{ path: "../../escape", content: Buffer.from("x"), mode: 0o644 }]);
  assert.deepEqual(readdirSync(folder), ["escape"]);
});
