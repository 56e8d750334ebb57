import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { readInjectionOptions } from "../../../injector/config.ts";
import {
  type InjectedObject,
  injectManifests,
  type ManifestFile,
} from "../../../injector/manifests/inject-manifests.ts";
import { printManifests } from "../../../injector/manifests/print-manifests.ts";
import type { InjectionOptions } from "../../../injector/options.ts";
import { listFiles } from "../../control/manifests/load.ts";
import { formatProblem } from "../../control/manifests/problem.ts";
import { ConfigError } from "../../core/config-table.ts";
import { findPrograms } from "../../local/programs.ts";
import { UserError } from "../../local/user-error.ts";
import {
  type Arguments,
  type Command,
  type Environment,
  textOption,
  UsageError,
} from "../command.ts";
import { readFileOptions } from "../file-options.ts";

export const injectCommand: Command = {
  name: "inject",
  summary: "put the sidecar into manifests, as the webhook would do it to their pods",
  usage: "inject -f DIR|FILE|-… --image IMAGE [--trust-domain NAME] [--output yaml|json]",
  options: {
    filename: { type: "string", short: "f", multiple: true },
    image: { type: "string" },
    "trust-domain": { type: "string" },
    output: { type: "string", short: "o" },
  },
  optionHelp: {
    filename: "files, folders, or - for standard input",
    image: "image of the sidecar, the one that the chart was installed with",
    "trust-domain": "the chart's trustDomain, where it is not cluster.local",
    output: "yaml, or json; yaml when left out",
  },
  examples: [
    [
      "remora inject -f shop.yaml --image registry.example/remora:0.1.0 | kubectl apply -f -",
      "deploy with sidecars where no webhook is installed",
    ],
    [
      "kubectl get deploy -n shop -o yaml | remora inject -f - --image registry.example/remora:0.1.0",
      "what runs already, with sidecars",
    ],
  ],
  async run(args, environment) {
    const print = readOutput(args);
    const options = readOptions(args, environment);
    const result = injectManifests(await readFiles(args), options);
    for (const object of result.objects) process.stderr.write(`${describe(object)}\n`);
    const failed = result.objects.filter(({ outcome }) => isFailure(outcome)).length;
    if (result.problems.length > 0 || failed > 0) {
      const refused = `${failed} of ${result.objects.length} objects cannot be in the mesh`;
      const problems = failed > 0 ? [...result.problems, refused] : result.problems;
      throw new UserError(problems.join("\n"), "nothing was printed");
    }
    process.stdout.write(print(result.documents));
    return 0;
  },
};

type Print = (documents: Parameters<typeof printManifests>[0]) => string;

function readOutput(args: Arguments): Print {
  const output = textOption(args, "output") ?? "yaml";
  if (output !== "yaml" && output !== "json") {
    throw new UsageError(`--output is "${output}", and must be yaml or json`);
  }
  return (documents) => printManifests(documents, output);
}

/** What the chart tells the injector comes from the environment where no option has it. */
function readOptions(args: Arguments, environment: Environment): InjectionOptions {
  const image = textOption(args, "image") ?? environment["REMORA_INJECTOR_IMAGE"];
  if (image === undefined) {
    throw new UsageError("--image is missing: name the image that the chart was installed with");
  }
  const trustDomain = textOption(args, "trust-domain");
  try {
    return readInjectionOptions({
      REMORA_INJECTOR_VERSION: findPrograms().version,
      ...environment,
      REMORA_INJECTOR_IMAGE: image,
      ...(trustDomain !== undefined && { REMORA_TRUST_DOMAIN: trustDomain }),
    });
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

async function readFiles(args: Arguments): Promise<readonly ManifestFile[]> {
  const { paths, readsInput } = readFileOptions(args);
  const { files, problems } = listFiles(paths);
  if (problems.length > 0) throw new UserError(problems.map(formatProblem).join("\n"));
  const read = files.map((path) => ({
    name: shorten(path),
    text: readFileSync(path, "utf8"),
  }));
  if (!readsInput) return read;
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return [...read, { name: "standard input", text: Buffer.concat(chunks).toString("utf8") }];
}

function shorten(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

function isFailure(outcome: InjectedObject["outcome"]): boolean {
  return outcome === "refused" || outcome === "malformed";
}

function describe({ file, title, outcome, detail, warnings }: InjectedObject): string {
  const why = detail === "" ? "" : `: ${detail}`;
  const lines = warnings.map((warning) => `  warning: ${warning}`);
  return [`${file}: ${title} ${outcome}${why}`, ...lines].join("\n");
}
