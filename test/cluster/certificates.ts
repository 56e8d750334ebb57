/** The cluster's own authority: one openssl command per certificate. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface CertificateWish {
  /** Kubernetes reads a user from the common name and groups from the organizations. */
  readonly user: string;
  readonly groups?: readonly string[];
  /** What servers are reached by: `DNS:…` or `IP:…`. */
  readonly hosts?: readonly string[];
}

/** Files in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** The root that clients trust, a file in PEM. */
  readonly root: string;
  /** `name` names the files. */
  issue(name: string, wish: CertificateWish): Promise<CertificateFiles>;
}

/** Makes a root in `folder`, where everything that it issues goes too. */
export async function createAuthority(folder: string): Promise<Authority> {
  const root = filesOf(folder, "ca");
  await request(root, "/CN=remora-test-cluster", ["basicConstraints=critical,CA:TRUE"]);
  return {
    root: root.cert,
    async issue(name, { user, groups = [], hosts = [] }) {
      const files = filesOf(folder, name);
      const subject = `${groups.map((group) => `/O=${group}`).join("")}/CN=${user}`;
      const usage = ["basicConstraints=CA:FALSE", "extendedKeyUsage=serverAuth,clientAuth"];
      const names = hosts.length === 0 ? [] : [`subjectAltName=${hosts.join(",")}`];
      await request(files, subject, [...usage, ...names], ["-CA", root.cert, "-CAkey", root.key]);
      return files;
    },
  };
}

/** A key pair that signs service-account tokens. */
export async function createTokenKey(folder: string): Promise<{ key: string; publicKey: string }> {
  const key = join(folder, "tokens-key.pem");
  const publicKey = join(folder, "tokens.pem");
  await run("openssl", ["genrsa", "-out", key, "2048"]);
  await run("openssl", ["rsa", "-in", key, "-pubout", "-out", publicKey]);
  return { key, publicKey };
}

function filesOf(folder: string, name: string): CertificateFiles {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
}

async function request(
  files: CertificateFiles,
  subject: string,
  extensions: readonly string[],
  issuer: readonly string[] = [],
): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const output = ["-keyout", files.key, "-out", files.cert, "-days", "30"];
  const added = extensions.flatMap((extension) => ["-addext", extension]);
  // The machine's own configuration would add its idea of an authority to every certificate.
  const fixed = ["req", "-x509", "-config", "/dev/null", "-subj", subject];
  await run("openssl", [...fixed, ...key, ...output, ...added, ...issuer]);
}
