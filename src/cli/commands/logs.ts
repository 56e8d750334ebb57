import {
  type Command,
  meshHelp,
  meshOption,
  namespaceHelp,
  namespaceOption,
  takePositionals,
  textOption,
  UsageError,
} from "../command.ts";
import { findMesh } from "../mesh-client.ts";

export const logsCommand: Command = {
  name: "logs",
  summary: "print what a pod's container wrote",
  usage:
    "logs [-f] POD [-c CONTAINER | --all-containers] [--tail LINES] [-n NAMESPACE] [--name MESH]",
  options: {
    ...meshOption,
    ...namespaceOption,
    follow: { type: "boolean", short: "f" },
    container: { type: "string", short: "c" },
    "all-containers": { type: "boolean" },
    tail: { type: "string" },
  },
  optionHelp: {
    follow: "go on with new lines until the pod ends",
    container: "a container; the first app when left out, remora-proxy for the sidecar",
    "all-containers": "every container, with its name before each line",
    tail: "only the newest lines",
    ...namespaceHelp,
    ...meshHelp,
  },
  examples: [
    ["remora logs deploy/web", "the app of a pod of web"],
    ["remora logs -f deploy/web -c remora-proxy", "follow its sidecar"],
    ["remora logs web-0 --all-containers --tail 20", "the newest lines of all its containers"],
  ],
  async run(args, environment) {
    const [target] = takePositionals(args, "POD");
    const tail = textOption(args, "tail");
    if (tail !== undefined && !/^\d+$/.test(tail)) {
      throw new UsageError(`--tail is "${tail}", and must be a number of lines`);
    }
    const flag = (name: string): string | undefined =>
      args.values[name] === true ? "1" : undefined;
    const response = await findMesh(textOption(args, "name"), environment).logs({
      target,
      namespace: textOption(args, "namespace"),
      container: textOption(args, "container"),
      all: flag("all-containers"),
      follow: flag("follow"),
      tail,
    });
    for await (const chunk of response as AsyncIterable<Buffer>) process.stdout.write(chunk);
    return 0;
  },
};
