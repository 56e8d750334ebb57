/** Which version of each judge is at work, asked of what installs it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { python } from "../mesh/mesh.ts";
import { requirement } from "./websocket/kosoku.ts";

/** Go modules in folders beside this file, by the judge's name. */
const modules: Readonly<Record<string, readonly [folder: string, module: string]>> = {
  h2spec: ["h2spec", "github.com/summerwind/h2spec"],
  h2specd: ["h2spec", "github.com/summerwind/h2spec"],
  "gRPC interop (grpc-go)": ["grpc-interop", "google.golang.org/grpc"],
  "go-spiffe": ["spiffe", "github.com/spiffe/go-spiffe/v2"],
  "Istio's delta xDS client": ["xds", "istio.io/istio"],
  helm: ["helm", "helm.sh/helm/v3"],
  kubeconform: ["kubeconform", "github.com/yannh/kubeconform"],
  "kube-score": ["kube-score", "github.com/zegl/kube-score"],
};

const others: Readonly<Record<string, () => string>> = {
  "kosoku (Autobahn cases)": () => requirement.split("==")[1] ?? "",
  "grpc-js": () => packageVersion("@grpc/grpc-js"),
  grpcio: () =>
    execFileSync(python, ["-c", "import grpc; print(grpc.__version__)"], { encoding: "utf8" }),
  "testssl.sh": () =>
    / ([0-9]+\.[0-9.]+) /.exec(execFileSync("testssl", ["--version"], { encoding: "utf8" }))?.[1] ??
    "",
  nft: () => execFileSync("nft", ["--version"], { encoding: "utf8" }).split(" ")[1] ?? "",
  "RFC 9110 and 9112": () => "2022",
};

/** A dash where the judge does not tell. */
export function judgeVersion(judge: string): string {
  try {
    const module = modules[judge];
    if (module !== undefined) return moduleVersion(...module);
    return others[judge]?.().trim() ?? "-";
  } catch {
    return "-";
  }
}

function moduleVersion(folder: string, module: string): string {
  const text = readFileSync(join(import.meta.dirname, folder, "go.mod"), "utf8");
  const line = text.split("\n").find((line) => line.includes(`${module} v`)) ?? "";
  const version = / (v[^\s]+)/.exec(line)?.[1] ?? "-";
  return version.replace("+incompatible", "");
}

function packageVersion(name: string): string {
  const file = join(import.meta.dirname, "../../node_modules", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
