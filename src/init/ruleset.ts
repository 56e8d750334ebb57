/** The redirection rules of a pod as values: table `inet remora`, one nat chain for each direction. */

import type { Expression } from "../protocol/nftables/expression.ts";
import type { Chain, Change } from "../protocol/nftables/message.ts";
import type { PortRange } from "./port-ranges.ts";

/** The name of the table; whatever it held before is replaced. */
export const tableName = "remora";

export interface RulesetConfig {
  /** User and group of the sidecar: what it sends itself is never redirected. */
  readonly proxyUid: number;
  /** Where connections of the pod go. */
  readonly outboundPort: number;
  /** Where connections to the pod go that did not come through the mesh. */
  readonly inboundPort: number;
  /** Ports of the sidecar that others connect to. */
  readonly ownPorts: readonly number[];
  readonly skipInboundPorts: readonly PortRange[];
  readonly skipOutboundPorts: readonly PortRange[];
}

/** The sidecar's ports, as documented in ARCHITECTURE.md. */
export const standardPorts = {
  outboundPort: 15001,
  inboundPort: 15006,
  ownPorts: [15008, 15020],
} as const;

const IPPROTO_TCP = 6;
/** The priority that nft calls `dstnat`: after connection tracking, before filters. */
const dstnatPriority = -100;
const IFNAMSIZ = 16;

export const outputChain: Chain = { name: "output", hook: "output", priority: dstnatPriority };
export const preroutingChain: Chain = {
  name: "prerouting",
  hook: "prerouting",
  priority: dstnatPriority,
};

/** The transaction that replaces the table: it is made first, so that deleting it never fails. */
export function buildRuleset(config: RulesetConfig): readonly Change[] {
  return [
    { kind: "add-table" },
    { kind: "delete-table" },
    { kind: "add-table" },
    { kind: "add-chain", chain: outputChain },
    ...buildOutputRules(config).map((expressions) => addRule(outputChain, expressions)),
    { kind: "add-chain", chain: preroutingChain },
    ...buildPreroutingRules(config).map((expressions) => addRule(preroutingChain, expressions)),
  ];
}

function buildOutputRules(config: RulesetConfig): readonly (readonly Expression[])[] {
  return [
    [{ kind: "meta", key: "skuid" }, equalHostNumber(config.proxyUid), { kind: "return" }],
    [{ kind: "meta", key: "skgid" }, equalHostNumber(config.proxyUid), { kind: "return" }],
    [{ kind: "meta", key: "oifname" }, equalName("lo"), { kind: "return" }],
    ...config.skipOutboundPorts.map((range) => returnForPort(range)),
    redirectTcp(config.outboundPort),
  ];
}

function buildPreroutingRules(config: RulesetConfig): readonly (readonly Expression[])[] {
  const own = config.ownPorts.map((port) => ({ from: port, to: port }));
  return [
    ...[...own, ...config.skipInboundPorts].map((range) => returnForPort(range)),
    redirectTcp(config.inboundPort),
  ];
}

function addRule(chain: Chain, expressions: readonly Expression[]): Change {
  return { kind: "add-rule", chain: chain.name, expressions };
}

/** `tcp dport FROM-TO return`. The protocol is asked first: ports are at the same place in a UDP header. */
function returnForPort(range: PortRange): readonly Expression[] {
  const port: Expression =
    range.from === range.to
      ? { kind: "equal", value: portBytes(range.from) }
      : { kind: "between", from: portBytes(range.from), to: portBytes(range.to) };
  return [...isTcp, { kind: "transport", offset: 2, length: 2 }, port, { kind: "return" }];
}

function redirectTcp(port: number): readonly Expression[] {
  return [...isTcp, { kind: "load", value: portBytes(port) }, { kind: "redirect" }];
}

const isTcp: readonly Expression[] = [
  { kind: "meta", key: "l4proto" },
  { kind: "equal", value: Uint8Array.of(IPPROTO_TCP) },
];

/** The kernel keeps uids and gids in host order in its registers. */
function equalHostNumber(number: number): Expression {
  return { kind: "equal", value: new Uint8Array(Uint32Array.of(number).buffer) };
}

/** Interface names fill their register, so that `lo` does not also mean `lolo`. */
function equalName(name: string): Expression {
  const value = new Uint8Array(IFNAMSIZ);
  value.set(Buffer.from(name));
  return { kind: "equal", value };
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}
