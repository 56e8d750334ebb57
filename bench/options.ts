/** What `npm run bench -- …` was asked for. */
import { parseArgs } from "node:util";
import type { Peer } from "./peer.ts";
import { allPeers } from "./peers/all.ts";
import { figureScenarios } from "./report/figures.ts";
import type { Scenario } from "./scenario.ts";
import { allScenarios } from "./scenarios/all.ts";

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly seconds: number;
  readonly output: string | undefined;
  /** Write the figures into the README and docs/performance.md when all is measured. */
  readonly publish: boolean;
}

export const usage = `npm run bench -- [SCENARIO…] [--peers NAME,…] [--rounds N] [--seconds S] [--output FILE.json]
                 [--quick] [--publish] [--list]

A scenario is named in full or by the start of its name: \`http1\` means all that start so.
Without names everything runs but the slow ones, which run when they are named.
--quick measures what the README shows, in about twenty minutes; --publish writes it there.
`;

/** Throws an Error with a sentence for the user when a name is unknown or a number is none. */
export function parseOptions(argv: readonly string[]): BenchOptions | "list" {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      peers: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string" },
      output: { type: "string" },
      quick: { type: "boolean", default: false },
      publish: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
    },
  });
  if (values.list) return "list";
  const named = values.peers ?? (values.quick ? quickPeers : undefined);
  const wanted = named === undefined ? () => true : peersCalled(named);
  const chosen = values.quick ? quickScenarios() : chooseScenarios(positionals);
  if (values.quick && positionals.length > 0)
    throw new Error("--quick chooses the scenarios itself");
  return {
    scenarios: chosen.flatMap((scenario) => narrow(scenario, wanted)),
    peers: allPeers.filter(wanted),
    publish: values.publish,
    rounds: whole("--rounds", values.rounds),
    seconds: whole("--seconds", values.seconds ?? (values.quick ? "2" : "5")),
    output: values.output,
  };
}

const quickPeers = "remora,haproxy,haproxy-h2,haproxy-tcp,envoy,envoy-full";

function quickScenarios(): Scenario[] {
  return allScenarios.filter(({ name }) => figureScenarios.includes(name));
}

function chooseScenarios(names: readonly string[]): Scenario[] {
  if (names.length === 0) return allScenarios.filter(({ onRequest }) => onRequest !== true);
  for (const name of names) {
    if (!allScenarios.some((scenario) => matches(scenario, name)))
      throw new Error(`no scenario is called ${name}; there are ${list(allScenarios)}`);
  }
  return allScenarios.filter((scenario) => names.some((name) => matches(scenario, name)));
}

function matches(scenario: Scenario, name: string): boolean {
  return scenario.name === name || scenario.name.startsWith(`${name}-`);
}

/** A scenario that brings peers of its own is left out when none of them is wanted. */
function narrow(scenario: Scenario, wanted: (peer: Peer) => boolean): Scenario[] {
  if (scenario.peers === undefined) return [scenario];
  const peers = scenario.peers.filter(wanted);
  return peers.length === 0 ? [] : [{ ...scenario, peers }];
}

function peersCalled(text: string): (peer: Peer) => boolean {
  const names = text.split(",").filter(Boolean);
  const known = [...allPeers, ...allScenarios.flatMap(({ peers = [] }) => peers)];
  for (const name of names) {
    if (!known.some((peer) => peer.name === name || isFamily(peer.name, name)))
      throw new Error(`no peer is called ${name}; there are ${list([...new Set(known)])}`);
  }
  // A family whose members are named too means only the one of that very name.
  const families = names.filter((name) => !names.some((other) => isFamily(other, name)));
  // Latencies are told against the direct connection, so it always takes part.
  return ({ name }) =>
    name === "direct" || names.includes(name) || families.some((family) => isFamily(name, family));
}

/** `envoy` asks for envoy-full too, `haproxy` for its three, but `node-http` not for node-http2. */
function isFamily(name: string, family: string): boolean {
  return name.startsWith(`${family}-`);
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${option} wants a whole number from 1 on, not ${JSON.stringify(text)}`);
  return value;
}

function list(named: readonly { readonly name: string }[]): string {
  return named.map(({ name }) => name).join(", ");
}
