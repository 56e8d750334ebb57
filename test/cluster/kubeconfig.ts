/** Files that tell a client of the API server where it is and who the client is. */
import { readFileSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import type { CertificateFiles } from "./certificates.ts";

export interface KubeconfigFields {
  readonly url: string;
  /** The API server's root, a file in PEM. */
  readonly root: string;
  readonly client: CertificateFiles;
}

/** Everything is written into the one file, so that it can be copied elsewhere. */
export function writeKubeconfig(file: string, { url, root, client }: KubeconfigFields): void {
  const data = (path: string): string => readFileSync(path).toString("base64");
  const user = {
    "client-certificate-data": data(client.cert),
    "client-key-data": data(client.key),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "remora", cluster: { server: url, "certificate-authority-data": data(root) } },
    ],
    users: [{ name: "remora", user }],
    contexts: [{ name: "remora", context: { cluster: "remora", user: "remora" } }],
    "current-context": "remora",
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
}
