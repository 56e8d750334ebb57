/** Makes a pod's redirection rules: one transaction, read back, and tried with a connection of its own. */
import { isDeepStrictEqual } from "node:util";
import { SystemCallError } from "../core/ffi/socket-calls.ts";
import type { Change } from "../protocol/nftables/message.ts";
import { applyChanges, RefusedChange, readTable } from "./rule-table.ts";
import { buildRuleset, type RulesetConfig, tableName } from "./ruleset.ts";
import { type CheckResult, checkRedirection } from "./self-check.ts";

export interface InstallReport {
  readonly rules: number;
  /** Per IP version, whether a connection of this process came out at the sidecar's port. */
  readonly ipv4: CheckResult;
  readonly ipv6: CheckResult;
}

/** Why there are no rules: one sentence for the operator and the exit code that goes with it. */
export class InstallError extends Error {
  /** sysexits.h: 69 the kernel lacks something, 71 it behaves unexpectedly, 77 not permitted. */
  readonly exitCode: 69 | 71 | 77;
  constructor(exitCode: 69 | 71 | 77, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "InstallError";
    this.exitCode = exitCode;
  }
}

/** Replaces the table in this network namespace; the same config twice gives the same table. */
export async function installRules(config: RulesetConfig): Promise<InstallReport> {
  const changes = buildRuleset(config);
  try {
    applyChanges(tableName, changes);
    verifyTable(changes);
  } catch (error) {
    throw explain(error);
  }
  const ipv4 = await checkRedirection("IPv4", config);
  const ipv6 = await checkRedirection("IPv6", config);
  for (const [family, result] of [["IPv4", ipv4] as const, ["IPv6", ipv6] as const]) {
    if (result.kind === "failed") {
      throw new InstallError(
        71,
        `the rules are in place but do not redirect ${family}: ${result.reason}`,
      );
    }
  }
  return { rules: changes.filter((change) => change.kind === "add-rule").length, ipv4, ipv6 };
}

function verifyTable(changes: readonly Change[]): void {
  const found = readTable(tableName);
  const rulesOf = (chain: string) =>
    changes.flatMap((change) =>
      change.kind === "add-rule" && change.chain === chain ? [change.expressions] : [],
    );
  for (const change of changes) {
    if (change.kind !== "add-chain") continue;
    const chain = found.chains.find((known) => known.name === change.chain.name);
    const rules = found.rules.flatMap((rule) =>
      rule.chain === change.chain.name ? [rule.expressions] : [],
    );
    if (
      !isDeepStrictEqual(chain, change.chain) ||
      !isDeepStrictEqual(rules, rulesOf(change.chain.name))
    ) {
      throw new InstallError(
        71,
        `the kernel holds other rules in chain ${change.chain.name} than it was given; is another program changing table inet ${tableName}?`,
      );
    }
  }
}

const permissionErrors: ReadonlySet<number> = new Set([1, 13]);
/** ENOENT, EPROTONOSUPPORT, EOPNOTSUPP, EAFNOSUPPORT: what the kernel says for a module that it does not have. */
const missingErrors: ReadonlySet<number> = new Set([2, 93, 95, 97]);

function explain(error: unknown): unknown {
  if (!(error instanceof RefusedChange) && !(error instanceof SystemCallError)) return error;
  if (permissionErrors.has(error.errno)) {
    return new InstallError(
      77,
      "not allowed to change netfilter rules: give the init container the capability NET_ADMIN (securityContext.capabilities.add)",
      error,
    );
  }
  if (missingErrors.has(error.errno)) {
    const what = missingPart(error instanceof RefusedChange ? error.change : undefined);
    return new InstallError(
      69,
      `this node's kernel has no ${what.name}: load it there with "modprobe ${what.module}"`,
      error,
    );
  }
  return new InstallError(71, `the redirection rules were not accepted: ${error.message}`, error);
}

function missingPart(change: Change | undefined): { name: string; module: string } {
  if (change?.kind === "add-chain") return { name: "NAT for nf_tables", module: "nft_chain_nat" };
  if (change?.kind === "add-rule")
    return { name: "redirection for nf_tables", module: "nft_redir" };
  return { name: "nf_tables", module: "nf_tables" };
}
