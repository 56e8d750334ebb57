import { readdirSync } from "node:fs";
import type { Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

// Its package.json does not say so, but no file of it does anything when it is loaded: what is not used can go,
// which is 0.4 MB of generated API classes and 10 MB of memory.
const pruneKubernetesClient: Plugin = {
  name: "prune-kubernetes-client",
  setup(build) {
    build.onResolve({ filter: /.*/ }, async ({ path, pluginData, ...from }) => {
      const isPart = /@kubernetes\/client-node/.test(from.resolveDir) && path.startsWith(".");
      if (pluginData === "pruned" || !(isPart || path.startsWith("@kubernetes/"))) return undefined;
      const found = await build.resolve(path, { ...from, pluginData: "pruned" });
      return { ...found, sideEffects: false };
    });
  },
};

// One bundle per program: every file in src/bin, and the injector's own entry when it is there.
const programs = Object.fromEntries(
  readdirSync("src/bin")
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => [file.slice(0, -".ts".length), `src/bin/${file}`]),
);

/**
 * What pino loads for its worker threads and never uses here: every module of Node costs a sidecar memory for as long as
 * it lives and time at its start.
 */
const unusedByPino: Readonly<Record<string, string>> = {
  "thread-stream": "module.exports = undefined",
  worker_threads: "exports.isMainThread = true",
  module: "exports.createRequire = () => require",
  assert: "module.exports = (value, text) => { if (!value) throw new Error(text); }",
};

const leanPino: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "lean-pino",
  setup(build) {
    build.onResolve({ filter: /^(thread-stream|worker_threads|module|assert)$/ }, (asked) => {
      const isPino = /\/node_modules\/(pino|sonic-boom)\//.test(asked.importer);
      return isPino ? { path: asked.path, namespace: "lean-pino" } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: "lean-pino" }, ({ path }) => ({
      contents: unusedByPino[path] ?? "",
      loader: "js",
    }));
  },
};

/**
 * Node's modules, by the names that are used. An `import` of one makes a copy of all that it exports, which wakes up what
 * nobody asked for: streams of files, MIME types, worker threads, a fifth of a sidecar's start.
 */
const leanBuiltins: Plugin = {
  name: "lean-builtins",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "lean-builtins" } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "lean-builtins" }, ({ path }) => ({
      contents: describeBuiltin(path),
      loader: "js",
    }));
  },
};

/** An export that nobody imports is left out, for its initializer has no side effect. */
function describeBuiltin(name: string): string {
  const names = Object.keys(process.getBuiltinModule(name) as object);
  const isName = (text: string): boolean => /^[A-Za-z]\w*$/.test(text) && text !== "default";
  return [
    `const builtin = process.getBuiltinModule("${name}");`,
    "const get = (name) => builtin[name];",
    "export default builtin;",
    ...names.filter(isName).map((each) => `const ${each}_ = /* @__PURE__ */ get("${each}");`),
    `export { ${names
      .filter(isName)
      .map((each) => `${each}_ as ${each}`)
      .join(", ")} };`,
  ].join("\n");
}

const options: Options = {
  entry: programs,
  format: "esm",
  platform: "node",
  target: "node26",
  outDir: "dist",
  clean: true,
  splitting: false,
  sourcemap: true,
  metafile: true,
  dts: false,
  // `node:ffi` has no name without its prefix.
  removeNodeProtocol: false,
  // A program is one file: a pod then reads one file and Node's compile cache holds one entry.
  noExternal: [/.*/],
  esbuildPlugins: [pruneKubernetesClient, leanPino, leanBuiltins],
  // V8 keeps a program's text for as long as it runs; names stay, so that stack traces can be read.
  esbuildOptions: (build) => {
    build.minifyWhitespace = true;
    build.minifySyntax = true;
  },
  // CommonJS packages inside an ES module bundle still call require() for Node's built-ins.
  banner: {
    js: 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);',
  },
};

export default options;
