import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "./command.ts";
import { formatCommandHelp, formatFamily, formatOverview } from "./help.ts";
import { commandGroups, commands } from "./registry.ts";

const greet: Command = {
  name: "greet person",
  summary: "say hello",
  usage: "greet person NAME [--loud]",
  options: { loud: { type: "boolean", short: "l" }, hidden: { type: "boolean" } },
  optionHelp: { loud: "so that all hear it" },
  examples: [["remora greet person Ann", "politely"]],
  run: async () => 0,
};

test("a command's help has usage, options and examples", () => {
  assert.equal(
    formatCommandHelp(greet),
    `say hello

Usage: remora greet person NAME [--loud]

Options:
  -l, --loud  so that all hear it

Examples:
  remora greet person Ann  politely
`,
  );
});

test("the first word of several commands lists them", () => {
  assert.equal(
    formatFamily([greet]),
    "  remora greet person NAME [--loud]  say hello\n\nSee: remora help COMMAND\n",
  );
});

test("the overview shows each command once, in its group, with the exit codes", () => {
  const text = formatOverview(commandGroups);
  for (const { name, summary } of commands) assert.ok(text.includes(`  ${name} `), summary);
  for (const { title } of commandGroups) assert.ok(text.includes(`\n${title}:\n`));
  assert.match(text, /Exit codes: 0 done, 1 failed, 64 /);
});

test("every command has an example that starts with its own words", () => {
  for (const { name, examples } of commands) {
    const lines = examples.map(([line]) => line);
    assert.ok(
      lines.some((line) => line.includes(`remora ${name}`)),
      name,
    );
  }
});

test("every line of help is about an option, and hidden options are few", () => {
  const hidden = new Set<string>();
  for (const { name, options, optionHelp } of commands) {
    for (const option of Object.keys(optionHelp)) assert.ok(options[option], `${name} --${option}`);
    for (const option of Object.keys(options)) {
      if (optionHelp[option] === undefined) hidden.add(`${name} --${option}`);
    }
  }
  assert.deepEqual([...hidden].sort(), ["exec --tty", "up --supervise"]);
});

test("whatever shows something can show it as JSON", () => {
  // What applications print, and what a shell reads.
  const silent = /^(up|logs|exec|completion)$/;
  for (const { name, options } of commands) {
    if (!silent.test(name)) assert.ok(options["output"], `${name} has no --output`);
  }
});
