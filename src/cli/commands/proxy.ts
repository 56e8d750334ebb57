import type {
  CertificatesPage,
  DestinationReport,
  FailureReport,
} from "../../api/sidecar-pages.ts";
import { logLevels } from "../../core/log.ts";
import { type Command, takePositionals, UsageError } from "../command.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";
import { formatCertificates } from "../sidecar/format-certificates.ts";
import { formatEndpoints } from "../sidecar/format-endpoints.ts";
import { formatFailures } from "../sidecar/format-failures.ts";
import { reachSidecar, sidecarHelp, sidecarOptions } from "../sidecar/reach-sidecar.ts";

const where = "[-n NAMESPACE] [--kubeconfig FILE|--name MESH]";

/** A command that shows one page of a sidecar's admin interface. */
function createPageCommand(
  page: Pick<Command, "name" | "summary" | "examples"> & { readonly path: string },
  format: (text: string) => string,
): Command {
  return {
    name: page.name,
    summary: page.summary,
    usage: `${page.name} POD [--output json] ${where}`,
    options: { ...outputOption, ...sidecarOptions },
    optionHelp: { ...outputHelp, ...sidecarHelp },
    examples: page.examples,
    async run(args, environment) {
      const [target = ""] = takePositionals(args, "POD");
      const output = readOutputOption(args);
      const ask = await reachSidecar(target, args, environment);
      const text = await ask("GET", page.path);
      process.stdout.write(output === "json" ? text : format(text));
      return 0;
    },
  };
}

const configCommand = createPageCommand(
  {
    name: "proxy config",
    path: "/config",
    summary: "print the settings that a pod's sidecar has in force",
    examples: [["remora proxy config deploy/web -n shop", "as JSON, without secrets"]],
  },
  (text) => text,
);

const endpointsCommand = createPageCommand(
  {
    name: "proxy endpoints",
    path: "/endpoints",
    summary: "list what a pod talked to: each endpoint's health, load and identity",
    examples: [
      ["remora proxy endpoints deploy/web -n shop", "why is one replica not asked?"],
      ["remora proxy endpoints web-1 --output json", "for programs"],
    ],
  },
  (text) => formatEndpoints(JSON.parse(text) as readonly DestinationReport[]),
);

const certsCommand = createPageCommand(
  {
    name: "proxy certs",
    path: "/certs",
    summary: "show a pod's identity, its certificates' ends and the roots that it trusts",
    examples: [["remora proxy certs deploy/web -n shop", "who is it, and until when?"]],
  },
  (text) => formatCertificates(JSON.parse(text) as CertificatesPage, Date.now()),
);

const failuresCommand = createPageCommand(
  {
    name: "proxy failures",
    path: "/failures",
    summary: "tell what failed lately at a pod's sidecar, the newest first, and why",
    examples: [
      ["remora proxy failures deploy/web -n shop", "why did I get this 502?"],
      ["remora proxy failures web-1 --output json", "with times, addresses and the whole detail"],
    ],
  },
  (text) => formatFailures(JSON.parse(text) as readonly FailureReport[], Date.now()),
);

const logLevelCommand: Command = {
  name: "proxy log-level",
  summary: "change how much a pod's sidecar logs, until it restarts",
  usage: `proxy log-level POD LEVEL [--output json] ${where}`,
  options: { ...outputOption, ...sidecarOptions },
  optionHelp: { ...outputHelp, ...sidecarHelp },
  examples: [
    ["remora proxy log-level deploy/web debug -n shop", "then: kubectl logs -c remora-proxy"],
  ],
  async run(args, environment) {
    const [target = "", level = ""] = takePositionals(args, "POD", "LEVEL");
    if (!(logLevels as readonly string[]).includes(level)) {
      throw new UsageError(`"${level}" is no level; a level is one of ${logLevels.join(", ")}`);
    }
    const output = readOutputOption(args);
    const ask = await reachSidecar(target, args, environment);
    const text = await ask("PUT", `/log/${level}`);
    process.stdout.write(output === "json" ? formatJson({ pod: target, level }) : text);
    return 0;
  },
};

const drainCommand: Command = {
  name: "proxy drain",
  summary: "let a pod's sidecar finish what runs and take nothing new; there is no way back",
  usage: `proxy drain POD [--output json] ${where}`,
  options: { ...outputOption, ...sidecarOptions },
  optionHelp: { ...outputHelp, ...sidecarHelp },
  examples: [["remora proxy drain web-1 -n shop", "before the pod is deleted by hand"]],
  async run(args, environment) {
    const [target = ""] = takePositionals(args, "POD");
    const output = readOutputOption(args);
    const ask = await reachSidecar(target, args, environment);
    const text = await ask("POST", "/drain");
    process.stdout.write(output === "json" ? formatJson({ pod: target, draining: true }) : text);
    return 0;
  },
};

export const proxyCommands: readonly Command[] = [
  configCommand,
  endpointsCommand,
  failuresCommand,
  certsCommand,
  logLevelCommand,
  drainCommand,
];
