/** Reads the final stage of a Dockerfile: as much of the language as ours uses, and a refusal of the rest. */
import type { ImageConfig } from "./archive.ts";

export interface FinalStage {
  /** The base image, as written after FROM. */
  readonly base: string;
  /** From an earlier stage. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  readonly config: ImageConfig;
}

export function parseFinalStage(text: string): FinalStage {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const start = lines.findLastIndex((line) => line.startsWith("FROM "));
  const [from = "", ...rest] = lines.slice(start);
  const copies: { from: string; to: string }[] = [];
  const labels: Record<string, string> = {};
  const environment: Record<string, string> = {};
  let user = "";
  let entrypoint: readonly string[] = [];
  for (const line of rest) {
    const [instruction = "", ...words] = line.split(" ");
    const value = words.join(" ");
    switch (instruction) {
      case "LABEL":
        Object.assign(labels, parsePair(value));
        break;
      case "ENV":
        Object.assign(environment, parsePair(value));
        break;
      case "USER":
        user = value;
        break;
      case "ENTRYPOINT":
        entrypoint = JSON.parse(value) as string[];
        break;
      case "COPY":
        copies.push(parseCopy(words));
        break;
      default:
        throw new Error(`the final stage has an instruction that is not understood: ${line}`);
    }
  }
  const config = { entrypoint, environment, user, labels };
  return { base: from.slice("FROM ".length), copies, config };
}

function parseCopy(words: readonly string[]): { from: string; to: string } {
  const [stage, from, to] = words;
  if (stage?.startsWith("--from=") !== true || from === undefined || to === undefined) {
    throw new Error(`the final stage copies only from the build: COPY ${words.join(" ")}`);
  }
  return { from, to };
}

function parsePair(text: string): Record<string, string> {
  const [, name, quoted, plain] = /^([\w.]+)=(?:"([^"]*)"|(\S+))$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`not NAME=value: ${text}`);
  return { [name]: quoted ?? plain ?? "" };
}
