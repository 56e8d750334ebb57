/** Chains that openssl makes and no authority should have: the mesh port takes the good one and none of the others. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import tls from "node:tls";
import { createTestAuthority, startTestPod, type TestPod } from "../proxy/mesh-pair.ts";

const folder = mkdtempSync(join(tmpdir(), "remora-chains-"));
const identity = "spiffe://cluster.local/ns/test/sa/client";

const authorityProfile = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";
const leafProfile = `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=critical,URI:${identity}`;

interface Issued {
  readonly certificate: string;
  readonly key: string;
}

interface Wish {
  /** Signs itself when there is none. */
  readonly issuer?: Issued;
  readonly profile: string;
  readonly days?: number;
  readonly digest?: string;
  /** Arguments of `openssl genpkey`. */
  readonly key?: readonly string[];
}

let count = 0;

function issue(wish: Wish): Issued {
  const name = join(folder, `${(count += 1)}`);
  const [key, request, certificate, profile] = ["key", "csr", "pem", "cnf"].map(
    (kind) => `${name}.${kind}`,
  ) as [string, string, string, string];
  writeFileSync(profile, `${wish.profile}\nsubjectKeyIdentifier=hash\n`);
  const algorithm = wish.key ?? ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  openssl("genpkey", ...algorithm, "-out", key);
  openssl("req", "-new", "-key", key, "-subj", `/CN=${count}`, "-out", request);
  const signer =
    wish.issuer === undefined
      ? ["-signkey", key]
      : ["-CA", wish.issuer.certificate, "-CAkey", wish.issuer.key, "-CAcreateserial"];
  const how = ["-days", String(wish.days ?? 1), `-${wish.digest ?? "sha256"}`, "-extfile", profile];
  openssl("x509", "-req", "-in", request, ...signer, ...how, "-out", certificate);
  return { certificate, key };
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}

function intermediate(issuer: Issued, more = "", wish: Partial<Wish> = {}): Issued {
  return issue({ issuer, profile: `${authorityProfile}\n${more}`, ...wish });
}

/** What a client presents: its own certificate first, then those above it. */
type Chain = readonly [leaf: Issued, ...above: Issued[]];

function chain(...above: [Issued, ...Issued[]]): Chain {
  return [issue({ issuer: above[0], profile: leafProfile }), ...above];
}

const oneBelow = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign";

const chains: Readonly<Record<string, (root: Issued) => Chain>> = {
  "an authority below one that may have none": (root) => {
    const first = issue({ issuer: root, profile: oneBelow });
    return chain(intermediate(first), first);
  },
  "an authority that is none": (root) =>
    chain(issue({ issuer: root, profile: "basicConstraints=critical,CA:FALSE" })),
  "an authority without basic constraints": (root) =>
    chain(issue({ issuer: root, profile: "keyUsage=critical,keyCertSign" })),
  "a workload as the authority": (root) => chain(issue({ issuer: root, profile: leafProfile })),
  "an authority that may not sign certificates": (root) =>
    chain(
      issue({
        issuer: root,
        profile: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign",
      }),
    ),
  "an authority for names of others": (root) =>
    chain(intermediate(root, "nameConstraints=critical,permitted;URI:other.local")),
  "an authority that may not name us": (root) =>
    chain(intermediate(root, "nameConstraints=critical,excluded;URI:cluster.local")),
  "an authority for servers only": (root) =>
    chain(intermediate(root, "extendedKeyUsage=serverAuth")),
  "an authority with an extension that nobody knows": (root) =>
    chain(intermediate(root, "1.2.3.4=critical,ASN1:NULL")),
  "an authority that has ended": (root) => chain(intermediate(root, "", { days: -1 })),
  "an authority that signs with SHA-1": (root) => chain(intermediate(root, "", { digest: "sha1" })),
  "an authority with RSA of 1024 bits": (root) =>
    chain(
      intermediate(root, "", { key: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"] }),
    ),
  "a chain without its middle": (root) => {
    const first = intermediate(root);
    return chain(intermediate(first));
  },
};

describe("the mesh port", { skip: missingOpenssl() }, () => {
  let root: Issued;
  let server: TestPod;
  before(async () => {
    root = issue({ profile: authorityProfile });
    const authority = createTestAuthority();
    const both = `${authority.pem}${readFileSync(root.certificate, "utf8")}`;
    server = await startTestPod({
      ip: "127.0.1.80",
      serviceAccount: "server",
      authority: { ...authority, pem: both },
    });
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Whether the sidecar let the chain in, by its own count. */
  async function isAdmitted([leaf, ...above]: Chain): Promise<boolean> {
    const { handshakes } = server.families;
    const [ok, failed, rejected] = (["ok", "failed", "rejected"] as const).map((result) =>
      handshakes.series("inbound", result),
    ) as [{ value: number }, { value: number }, { value: number }];
    const before = [ok.value, failed.value + rejected.value];
    const cert = [leaf, ...above].map(({ certificate }) => readFileSync(certificate, "utf8"));
    const socket = tls.connect({
      host: server.ip,
      port: 15_008,
      cert: cert.join(""),
      key: readFileSync(leaf.key, "utf8"),
      // Node's own client would refuse to present some of these.
      ciphers: "DEFAULT@SECLEVEL=0",
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    });
    socket.on("error", () => {});
    const answered = new Promise<void>((resolve) => {
      socket.once("data", () => resolve());
      socket.once("close", () => resolve());
    });
    await answered;
    socket.destroy();
    const now = [ok.value, failed.value + rejected.value];
    assert.equal(
      (now[0] ?? 0) + (now[1] ?? 0) - (before[0] ?? 0) - (before[1] ?? 0),
      1,
      "counted once",
    );
    return now[0] === (before[0] ?? 0) + 1;
  }

  test("takes a chain of two authorities", async () => {
    const first = intermediate(root);
    assert.equal(await isAdmitted(chain(intermediate(first), first)), true);
  });

  test("works off twenty authorities in a row in less than 50 ms of CPU time", async () => {
    const row: [Issued, ...Issued[]] = [intermediate(root)];
    while (row.length < 20) row.unshift(intermediate(row[0]));
    const long = chain(...row);
    const before = process.cpuUsage();
    assert.equal(await isAdmitted(long), true);
    // Both sides of the handshake together.
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 50_000, `${user + system} µs`);
  });

  for (const [what, make] of Object.entries(chains)) {
    test(`refuses ${what}`, async () => assert.equal(await isAdmitted(make(root)), false));
  }
});

function missingOpenssl(): string | false {
  return spawnSync("openssl", ["version"]).error !== undefined && "openssl is not installed";
}
