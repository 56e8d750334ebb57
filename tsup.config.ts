import { readdirSync } from "node:fs";
import type { Options } from "tsup";

// One bundle per program: every file in src/bin, and the injector's own entry when it is there.
const programs = Object.fromEntries(
  readdirSync("src/bin")
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => [file.slice(0, -".ts".length), `src/bin/${file}`]),
);

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
  // V8 keeps a program's text for as long as it runs; names stay, so that stack traces can be read.
  esbuildOptions: (build) => {
    build.minifyWhitespace = true;
    build.minifySyntax = true;
  },
  // CommonJS packages inside an ES module bundle still call require() for Node's built-ins.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};

export default options;
