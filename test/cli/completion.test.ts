/** The shells themselves complete what the scripts tell them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runRemora, succeed } from "./cli.ts";

const folder = mkdtempSync(join(tmpdir(), "remora-completion-"));
after(() => rmSync(folder, { recursive: true }));

function scriptOf(shell: string): string {
  return join(folder, `remora.${shell}`);
}

function needs(shell: string): { readonly skip?: string } {
  const { error } = spawnSync(shell, ["-c", "true"]);
  return error === undefined ? {} : { skip: `no ${shell} on this machine` };
}

function ask(shell: string, text: string): string {
  const { stdout, stderr, status } = spawnSync(shell, ["-c", text], {
    encoding: "utf8",
    cwd: folder,
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

before(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    writeFileSync(scriptOf(shell), await succeed(["completion", shell]));
  }
});

test("a shell that is not known is refused with the ones that are", async () => {
  const { code, text } = await runRemora(["completion", "tcsh"]);
  assert.equal(code, 64);
  assert.match(text, /say bash, zsh, fish/);
});

describe("bash", needs("bash"), () => {
  function complete(...words: readonly string[]): readonly string[] {
    const line = ["remora", ...words].map((word) => `'${word}'`).join(" ");
    const text = `source ${scriptOf("bash")}; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _remora; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return ask("bash", text)
      .split("\n")
      .filter((word) => word !== "");
  }

  test("completes commands, and the second word of those that have two", () => {
    assert.deepEqual(complete("un"), ["uninstall"]);
    assert.ok(complete("").includes("help"));
    assert.deepEqual(complete("help", "chec"), ["check"]);
    assert.deepEqual(complete("proxy", "c"), ["config", "certs"]);
  });

  test("completes options of the command alone", () => {
    assert.deepEqual(complete("check", "--w"), ["--wait"]);
    assert.deepEqual(complete("down", "--w"), []);
    assert.deepEqual(complete("proxy", "certs", "deploy/web", "--kube"), ["--kubeconfig"]);
  });

  test("completes what an option takes: words, files, or nothing that is known", () => {
    assert.deepEqual(complete("check", "--output", ""), ["json"]);
    assert.deepEqual(complete("ps", "-o", ""), ["json"]);
    assert.deepEqual(complete("install", "--values", "remora.z"), ["remora.zsh"]);
    assert.deepEqual(complete("proxy", "certs", "--namespace", ""), []);
  });

  test("completes the shells of completion itself", () => {
    assert.deepEqual(complete("completion", ""), ["bash", "zsh", "fish"]);
  });
});

describe("zsh", needs("zsh"), () => {
  test("takes the script", () => {
    const load = "autoload -Uz compinit; compinit -u -D";
    const text = `${load}; source ${scriptOf("zsh")}; whence -w _remora; print $_comps[remora]`;
    assert.equal(ask("zsh", text), "_remora: function\n_remora\n");
  });
});

describe("fish", needs("fish"), () => {
  function complete(line: string): readonly string[] {
    const text = `source ${scriptOf("fish")}; complete -C '${line}'`;
    return ask("fish", text)
      .split("\n")
      .map((row) => row.split("\t")[0] ?? "")
      .filter((word) => word !== "");
  }

  test("completes commands, second words, options and their words", () => {
    assert.deepEqual(complete("remora un"), ["uninstall"]);
    assert.deepEqual(complete("remora proxy c").toSorted(), ["certs", "config"]);
    assert.deepEqual(complete("remora check --wa"), ["--wait"]);
    assert.deepEqual(complete("remora check --output "), ["json"]);
  });
});
