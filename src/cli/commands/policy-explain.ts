import type { KnownObject, Service } from "../../api/kubernetes.ts";
import { loadManifests } from "../../control/manifests/load.ts";
import { formatProblem } from "../../control/manifests/problem.ts";
import { checkPolicy } from "../../control/model/check-policy.ts";
import { UserError } from "../../local/user-error.ts";
import { explain } from "../../proxy/policy/explain.ts";
import { type Arguments, type Command, UsageError } from "../command.ts";
import { readFileOptions } from "../file-options.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";
import {
  findPod,
  isPolicy,
  podsOf,
  policiesFor,
  rootNamespace,
} from "../policy/offline-policies.ts";
import { readQuestion } from "../policy/question.ts";
import { createReport, formatReport } from "../policy/report.ts";

export const policyExplainCommand: Command = {
  name: "policy explain",
  summary: "say from manifests whether a caller may, and what each policy says to it",
  usage:
    "policy explain -f DIR|FILE… --to NS/NAME:PORT [--from ID] [--method M] [--path P] [--host H] [--header 'N: V'] [--output json]",
  options: {
    filename: { type: "string", short: "f", multiple: true },
    to: { type: "string" },
    from: { type: "string" },
    "from-address": { type: "string" },
    method: { type: "string" },
    path: { type: "string" },
    host: { type: "string" },
    header: { type: "string", multiple: true },
    ...outputOption,
  },
  optionHelp: {
    filename: "files and folders with the policies, and with what makes the pods",
    to: "a pod, or what makes pods, and the port of its container",
    from: "the caller's identity; without it a caller outside of the mesh",
    "from-address": "where the caller connects from, for rules about addresses",
    method: "of the request, GET when only the others are given",
    path: "of the request, as the client writes it",
    host: "of the request",
    header:
      "of the request; several may be given. Without any of these four: bytes that are not HTTP",
    ...outputHelp,
  },
  examples: [
    [
      "remora policy explain -f k8s/ --from spiffe://cluster.local/ns/shop/sa/web --to shop/ledger:7000 --path /accounts",
      "may the web read accounts? 0 when it may, 1 when not",
    ],
    [
      "remora policy explain -f k8s/ --to shop/db:5432",
      "may somebody outside of the mesh connect?",
    ],
  ],
  async run(args) {
    const output = readOutputOption(args);
    const question = readQuestion(args);
    const objects = readObjects(args);
    const { namespace, name, port, from, clientIp, head } = question;
    const pod = findPod(objects, namespace, name);
    if (pod === undefined) {
      throw new UserError(
        `no pod ${namespace}/${name} in the manifests, nor anything of this name that makes pods`,
      );
    }
    const snapshot = policiesFor(objects, pod);
    const facts = { peer: from, clientIp, destinationIp: "0.0.0.0", port };
    const explanation = explain(snapshot, facts, head);
    const report = createReport(explanation, snapshot, question, warningsOf(objects));
    process.stdout.write(output === "json" ? formatJson(report) : formatReport(report));
    return report.verdict === "permitted" ? 0 : 1;
  },
};

function readObjects(args: Arguments): readonly KnownObject[] {
  const { paths, readsInput } = readFileOptions(args);
  if (readsInput) throw new UsageError("-f - is not read here: name files or folders");
  const { objects, problems } = loadManifests(paths);
  const errors = problems.filter(({ severity }) => severity === "error");
  // A policy that is left out would make every answer wrong.
  if (errors.length > 0) throw new UserError(errors.map(formatProblem).join("\n"));
  return objects.map(({ object }) => object);
}

function warningsOf(objects: readonly KnownObject[]): string[] {
  const services = objects.filter((object): object is Service => object.kind === "Service");
  const surroundings = { pods: podsOf(objects), services, rootNamespace };
  return objects.filter(isPolicy).flatMap((policy) =>
    checkPolicy(policy, surroundings).map(({ reason }) => {
      const { namespace = "default", name } = policy.metadata;
      return `${policy.kind} ${namespace}/${name}: ${reason}`;
    }),
  );
}
