/** Sends a transaction to nf_tables in this network namespace, and reads the table back. */

import { seconds } from "../core/duration.ts";
import { type NetlinkSocket, openNetlink } from "../core/ffi/socket-calls.ts";
import type { Expression } from "../protocol/nftables/expression.ts";
import {
  type Chain,
  type Change,
  decodeReplies,
  encodeChainDump,
  encodeRuleDump,
  encodeTransaction,
  netlinkNetfilter,
  type Reply,
} from "../protocol/nftables/message.ts";

/** The kernel refused the transaction, and nothing was changed. */
export class RefusedChange extends Error {
  /** Undefined when it refused the batch as such. */
  readonly change: Change | undefined;
  readonly errno: number;
  constructor(change: Change | undefined, errno: number) {
    super(`nf_tables refused ${change?.kind ?? "the batch"} with error ${errno}`);
    this.name = "RefusedChange";
    this.change = change;
    this.errno = errno;
  }
}

export interface TableContent {
  readonly chains: readonly Chain[];
  readonly rules: readonly {
    readonly chain: string;
    readonly expressions: readonly Expression[];
  }[];
}

/** The kernel answers within microseconds; a node that loads the module from disk takes longer. */
const replyTimeout = seconds(5);
const EPROTO = 71;

/** Makes all changes or none; throws RefusedChange or SystemCallError. */
export function applyChanges(table: string, changes: readonly Change[]): void {
  withNetlink((socket) => {
    socket.send(encodeTransaction(table, changes));
    let waiting = changes.length;
    let refusal: RefusedChange | undefined;
    while (waiting > 0) {
      for (const reply of readReplies(socket, table)) {
        if (reply.kind !== "result") continue;
        waiting -= 1;
        if (reply.errno === 0) continue;
        refusal ??= new RefusedChange(changes[reply.sequence - 1], reply.errno);
        // A refused batch header is the only answer that comes.
        if (reply.sequence === 0) waiting = 0;
      }
    }
    if (refusal !== undefined) throw refusal;
  });
}

/** The nat chains and the rules of a table of family inet, in order. */
export function readTable(table: string): TableContent {
  return withNetlink((socket) => {
    socket.send(encodeChainDump(1));
    const chains = readDump(socket, table).flatMap((reply) =>
      reply.kind === "chain" && reply.chain !== undefined ? [reply.chain] : [],
    );
    socket.send(encodeRuleDump(table, 2));
    const rules = readDump(socket, table).flatMap((reply) =>
      reply.kind === "rule" ? [{ chain: reply.chain, expressions: reply.expressions }] : [],
    );
    return { chains, rules };
  });
}

function withNetlink<T>(use: (socket: NetlinkSocket) => T): T {
  const socket = openNetlink(netlinkNetfilter, replyTimeout);
  try {
    return use(socket);
  } finally {
    socket.close();
  }
}

function readDump(socket: NetlinkSocket, table: string): readonly Reply[] {
  const all: Reply[] = [];
  for (;;) {
    for (const reply of readReplies(socket, table)) {
      if (reply.kind === "done") return all;
      if (reply.kind === "result") throw new RefusedChange(undefined, reply.errno);
      all.push(reply);
    }
  }
}

function readReplies(socket: NetlinkSocket, table: string): readonly Reply[] {
  const replies = decodeReplies(table, socket.receive());
  if (replies === undefined) throw new RefusedChange(undefined, EPROTO);
  return replies;
}
