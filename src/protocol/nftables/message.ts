/**
 * The nf_tables messages that make and read a table: requests inside one batch, which the kernel takes as a whole or
 * not at all, and dumps (linux/netfilter/nfnetlink.h, nf_tables.h).
 */
import {
  align,
  decodeAttributes,
  nested,
  numberAttribute,
  readNumber,
  readText,
  textAttribute,
} from "./attributes.ts";
import { decodeExpressions, type Expression, encodeExpressions } from "./expression.ts";

/** The socket's protocol: NETLINK_NETFILTER. */
export const netlinkNetfilter = 12;

export interface Chain {
  readonly name: string;
  /** A base chain of type `nat` that accepts what no rule decides. */
  readonly hook: NatHook;
  readonly priority: number;
}

export type NatHook = "prerouting" | "output";

export type Change =
  /** Makes the table unless it is there. */
  | { readonly kind: "add-table" }
  /** Fails unless the table is there. */
  | { readonly kind: "delete-table" }
  | { readonly kind: "add-chain"; readonly chain: Chain }
  | {
      readonly kind: "add-rule";
      readonly chain: string;
      readonly expressions: readonly Expression[];
    };

/** One message from the kernel. `sequence` tells which request it answers. */
export type Reply =
  | { readonly kind: "result"; readonly sequence: number; readonly errno: number }
  | { readonly kind: "done"; readonly sequence: number; readonly errno: number }
  | { readonly kind: "chain"; readonly sequence: number; readonly chain: Chain | undefined }
  | {
      readonly kind: "rule";
      readonly sequence: number;
      readonly chain: string;
      readonly expressions: readonly Expression[];
    }
  | { readonly kind: "other"; readonly sequence: number };

/** Tables of family `inet` see IPv4 and IPv6. */
const NFPROTO_INET = 1;
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_GETRULE = 7;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const NLM_F_APPEND = 0x800;
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NF_ACCEPT = 1;
const hookNumbers: Readonly<Record<NatHook, number>> = { prerouting: 0, output: 3 };
const headerSize = 16;
/** nfgenmsg: family, version, resource id. */
const genericSize = 4;

/** The whole transaction as one datagram; the answer to change number `i` has the sequence number `i + 1`. */
export function encodeTransaction(table: string, changes: readonly Change[]): Buffer {
  return Buffer.concat([
    encodeMessage(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, 0, NFNL_SUBSYS_NFTABLES, []),
    ...changes.map((change, index) => encodeChange(table, change, index + 1)),
    encodeMessage(
      NFNL_MSG_BATCH_END,
      NLM_F_REQUEST,
      changes.length + 1,
      0,
      NFNL_SUBSYS_NFTABLES,
      [],
    ),
  ]);
}

/** Asks for all base chains; the caller keeps those that it wants. Ends with `done`. */
export function encodeChainDump(sequence: number): Buffer {
  return encodeMessage(
    (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN,
    NLM_F_REQUEST | NLM_F_DUMP,
    sequence,
    NFPROTO_INET,
    0,
    [],
  );
}

/** Asks for all rules of a table, in order per chain. Ends with `done`. */
export function encodeRuleDump(table: string, sequence: number): Buffer {
  return encodeMessage(
    (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETRULE,
    NLM_F_REQUEST | NLM_F_DUMP,
    sequence,
    NFPROTO_INET,
    0,
    [textAttribute(NFTA_RULE_TABLE, table)],
  );
}

/** The messages of one datagram that concern `table`; undefined when the bytes are not netlink messages. */
export function decodeReplies(table: string, datagram: Uint8Array): readonly Reply[] | undefined {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const replies: Reply[] = [];
  let offset = 0;
  while (offset < datagram.length) {
    if (datagram.length - offset < headerSize) return undefined;
    const length = view.getUint32(offset, true);
    if (length < headerSize || offset + length > datagram.length) return undefined;
    const type = view.getUint16(offset + 4, true);
    const sequence = view.getUint32(offset + 8, true);
    const body = datagram.subarray(offset + headerSize, offset + length);
    replies.push(decodeBody(table, type, sequence, body));
    offset += align(length);
  }
  return replies;
}

function encodeChange(table: string, change: Change, sequence: number): Buffer {
  switch (change.kind) {
    case "add-table":
      return encodeRequest(NFT_MSG_NEWTABLE, NLM_F_CREATE, sequence, [
        textAttribute(NFTA_TABLE_NAME, table),
      ]);
    case "delete-table":
      return encodeRequest(NFT_MSG_DELTABLE, 0, sequence, [textAttribute(NFTA_TABLE_NAME, table)]);
    case "add-chain":
      return encodeRequest(NFT_MSG_NEWCHAIN, NLM_F_CREATE, sequence, [
        textAttribute(NFTA_CHAIN_TABLE, table),
        textAttribute(NFTA_CHAIN_NAME, change.chain.name),
        nested(
          NFTA_CHAIN_HOOK,
          numberAttribute(NFTA_HOOK_HOOKNUM, hookNumbers[change.chain.hook]),
          numberAttribute(NFTA_HOOK_PRIORITY, change.chain.priority),
        ),
        numberAttribute(NFTA_CHAIN_POLICY, NF_ACCEPT),
        textAttribute(NFTA_CHAIN_TYPE, "nat"),
      ]);
    case "add-rule":
      return encodeRequest(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, sequence, [
        textAttribute(NFTA_RULE_TABLE, table),
        textAttribute(NFTA_RULE_CHAIN, change.chain),
        nested(NFTA_RULE_EXPRESSIONS, encodeExpressions(change.expressions)),
      ]);
  }
}

/** A request of the batch; each one is acknowledged, so that a refusal names its change. */
function encodeRequest(
  command: number,
  flags: number,
  sequence: number,
  attributes: readonly Uint8Array[],
): Buffer {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | command;
  const allFlags = NLM_F_REQUEST | NLM_F_ACK | flags;
  return encodeMessage(type, allFlags, sequence, NFPROTO_INET, 0, attributes);
}

function encodeMessage(
  type: number,
  flags: number,
  sequence: number,
  family: number,
  resource: number,
  attributes: readonly Uint8Array[],
): Buffer {
  const header = Buffer.alloc(headerSize + genericSize);
  const body = Buffer.concat(attributes);
  header.writeUInt32LE(header.length + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt8(family, headerSize);
  header.writeUInt16BE(resource, headerSize + 2);
  return Buffer.concat([header, body]);
}

function decodeBody(table: string, type: number, sequence: number, body: Uint8Array): Reply {
  if (type === NLMSG_ERROR || type === NLMSG_DONE) {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const errno = body.length >= 4 ? Math.abs(view.getInt32(0, true)) : 0;
    return { kind: type === NLMSG_DONE ? "done" : "result", sequence, errno };
  }
  const attributes = decodeAttributes(body.subarray(genericSize));
  if (attributes === undefined || body[0] !== NFPROTO_INET) return { kind: "other", sequence };
  if (type === ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN)) {
    if (readText(attributes.get(NFTA_CHAIN_TABLE)) !== table) return { kind: "other", sequence };
    return { kind: "chain", sequence, chain: decodeChain(attributes) };
  }
  if (type === ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWRULE)) {
    const chain = readText(attributes.get(NFTA_RULE_CHAIN));
    const expressions = decodeExpressions(
      attributes.get(NFTA_RULE_EXPRESSIONS) ?? new Uint8Array(),
    );
    const ours = readText(attributes.get(NFTA_RULE_TABLE)) === table;
    if (ours && chain !== undefined && expressions !== undefined) {
      return { kind: "rule", sequence, chain, expressions };
    }
  }
  return { kind: "other", sequence };
}

/** Undefined for a chain that is not a nat chain on one of our hooks. */
function decodeChain(attributes: ReadonlyMap<number, Uint8Array>): Chain | undefined {
  const hookAttributes = decodeAttributes(attributes.get(NFTA_CHAIN_HOOK) ?? new Uint8Array());
  const number = readNumber(hookAttributes?.get(NFTA_HOOK_HOOKNUM));
  const priority = readNumber(hookAttributes?.get(NFTA_HOOK_PRIORITY));
  const name = readText(attributes.get(NFTA_CHAIN_NAME));
  const hooks: readonly NatHook[] = ["prerouting", "output"];
  const hook = hooks.find((known) => hookNumbers[known] === number);
  if (name === undefined || hook === undefined || priority === undefined) return undefined;
  return readText(attributes.get(NFTA_CHAIN_TYPE)) === "nat" ? { name, hook, priority } : undefined;
}
