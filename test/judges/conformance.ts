/** `npm run conformance`: every outside judge, as a table: what it is, what it judged, and how much passed. */
import { existsSync } from "node:fs";
import { run } from "node:test";
import { parseArgs } from "node:util";
import { formatTable } from "../../src/cli/table.ts";
import { type Cases, collectVerdicts } from "./file-verdicts.ts";
import { joinVerdicts, type Verdict } from "./verdict.ts";
import { judgeVersion } from "./versions.ts";

const usage = `Usage: npm run conformance [-- [--output json] [--loops N] [FILTER…]]

Runs the outside judges and prints one row for each thing that each of them judged.

  --output json   the same for machines
  --loops N       how often each gRPC case runs (100)
  FILTER          only test files whose path holds it, such as h2spec

Examples:
  npm run conformance
  npm run conformance -- h2spec
  npm run conformance -- --loops 20 --output json grpc
`;

/** Files whose tests tell verdicts, and files in which every test is one case of a judge. */
const told = [
  "test/judges/h2spec/h2spec.test.ts",
  "test/judges/h2spec-mesh.test.ts",
  "test/judges/h2spec-port.test.ts",
  "test/judges/grpc-interop/grpc-interop.test.ts",
  "test/mesh/protocols.test.ts",
  "test/judges/websocket/websocket.test.ts",
];
const counted: Readonly<Record<string, Cases>> = {
  "test/rfc/http1-rules.test.ts": ["RFC 9110 and 9112", "HTTP/1 through a pair of sidecars"],
  "test/judges/spiffe/spiffe.test.ts": ["go-spiffe", "issued chains, handshakes both ways"],
  "test/judges/xds/xds.test.ts": ["Istio's delta xDS client", "control"],
  "test/capture/redirection.test.ts": ["nft", "redirection rules"],
  "test/judges/helm/helm.test.ts": ["helm", "chart"],
  "test/judges/testssl.test.ts": ["testssl.sh", "mesh port 15008"],
  "test/judges/kubeconform/kubeconform.test.ts": ["kubeconform", "chart"],
  "test/judges/kube-score/kube-score.test.ts": ["kube-score", "chart"],
};

const options = readOptions();
if (options !== undefined) process.exitCode = await judge(options);

interface Options {
  readonly json: boolean;
  readonly files: readonly string[];
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: "string", default: "table" },
      loops: { type: "string", default: "100" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return undefined;
  }
  process.env["INTEROP_LOOPS"] = values.loops;
  process.env["INTEROP_BROKEN_LOOPS"] = values.loops;
  process.env["GRPC_ROUNDS"] = values.loops;
  const files = [...told, ...Object.keys(counted)]
    .filter((file) => existsSync(file))
    .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)));
  return { json: values.output === "json", files };
}

async function judge({ json, files }: Options): Promise<number> {
  const verdicts: Verdict[] = [];
  for (const file of files) {
    process.stderr.write(`${file} …\n`);
    verdicts.push(...(await judgeFile(file)));
  }
  const rows = joinVerdicts(verdicts);
  if (json) {
    const all = rows.map((row) => ({ ...row, version: judgeVersion(row.judge) }));
    process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
  } else process.stdout.write(describe(rows));
  return rows.length > 0 && rows.every(({ passed, of }) => passed === of) ? 0 : 1;
}

async function judgeFile(file: string): Promise<readonly Verdict[]> {
  // Of the mesh's own tests only those are somebody else's judgement.
  const only = file.startsWith("test/mesh/") ? { testNamePatterns: [/grpc-js|grpcio/] } : {};
  return await collectVerdicts(run({ files: [file], ...only }), file, counted[file]);
}

function describe(rows: readonly Verdict[]): string {
  const table = rows.map(({ judge, against, passed, of }) => [
    judge,
    judgeVersion(judge),
    against,
    String(passed),
    String(of),
    // No failure in n bounds the rate of failures at 95 % confidence.
    passed === of && of > 3 ? `< ${((3 / of) * 100).toPrecision(2)} %` : "",
  ]);
  const head = ["JUDGE", "VERSION", "AGAINST", "PASSED", "OF", "FAILURES BELOW"];
  const missing = rows.flatMap(({ judge, against, notPassed }) =>
    notPassed.map((what) => `  ${judge}, ${against}: ${what}\n`),
  );
  const rest = missing.length === 0 ? "" : `\nNot passed:\n${missing.join("")}`;
  return `${formatTable([head, ...table])}${rest}`;
}
