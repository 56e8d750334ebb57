/**
 * The nf_tables expressions that redirection rules are made of (linux/netfilter/nf_tables.h). All of them work on
 * register 1: an expression loads it, the next one compares it or uses it.
 */
import {
  attribute,
  decodeAttributeList,
  decodeAttributes,
  nested,
  numberAttribute,
  readNumber,
  readText,
  textAttribute,
} from "./attributes.ts";

/** Values are bytes as the kernel holds them: ports in network order, uids in host order. */
export type Expression =
  | { readonly kind: "meta"; readonly key: MetaKey }
  /** Loads bytes of the TCP or UDP header. */
  | { readonly kind: "transport"; readonly offset: number; readonly length: number }
  | { readonly kind: "equal"; readonly value: Uint8Array }
  | { readonly kind: "between"; readonly from: Uint8Array; readonly to: Uint8Array }
  | { readonly kind: "load"; readonly value: Uint8Array }
  | { readonly kind: "return" }
  /** To the port in the register, on this machine. */
  | { readonly kind: "redirect" }
  /** Something that this program does not write. */
  | { readonly kind: "foreign"; readonly name: string };

export type MetaKey = "oifname" | "skuid" | "skgid" | "l4proto";

const metaKeys: Readonly<Record<MetaKey, number>> = {
  oifname: 7,
  skuid: 10,
  skgid: 11,
  l4proto: 16,
};

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFT_CMP_EQ = 0;
const NFTA_RANGE_SREG = 1;
const NFTA_RANGE_OP = 2;
const NFTA_RANGE_FROM_DATA = 3;
const NFTA_RANGE_TO_DATA = 4;
const NFT_RANGE_EQ = 0;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_REDIR_REG_PROTO_MIN = 1;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFT_RETURN = -5;
const NFT_REG_VERDICT = 0;
const NFT_REG_1 = 1;

/** The value of NFTA_RULE_EXPRESSIONS. Foreign expressions cannot be written and throw. */
export function encodeExpressions(expressions: readonly Expression[]): Buffer {
  return Buffer.concat(
    expressions.map((expression) => {
      const [name, ...data] = encodeOne(expression);
      return nested(
        NFTA_LIST_ELEM,
        textAttribute(NFTA_EXPR_NAME, name),
        nested(NFTA_EXPR_DATA, ...data),
      );
    }),
  );
}

/** Undefined when the bytes are not a list of expressions. */
export function decodeExpressions(bytes: Uint8Array): readonly Expression[] | undefined {
  const expressions: Expression[] = [];
  for (const element of decodeAttributeList(bytes) ?? [{ type: 0, value: bytes }]) {
    if (element.type !== NFTA_LIST_ELEM) return undefined;
    const attributes = decodeAttributes(element.value);
    const name = readText(attributes?.get(NFTA_EXPR_NAME));
    if (attributes === undefined || name === undefined) return undefined;
    const data = decodeAttributes(attributes.get(NFTA_EXPR_DATA) ?? new Uint8Array());
    if (data === undefined) return undefined;
    expressions.push(decodeOne(name, data) ?? { kind: "foreign", name });
  }
  return expressions;
}

function encodeOne(expression: Expression): [string, ...Buffer[]] {
  switch (expression.kind) {
    case "meta":
      return [
        "meta",
        numberAttribute(NFTA_META_DREG, NFT_REG_1),
        numberAttribute(NFTA_META_KEY, metaKeys[expression.key]),
      ];
    case "transport":
      return [
        "payload",
        numberAttribute(NFTA_PAYLOAD_DREG, NFT_REG_1),
        numberAttribute(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER),
        numberAttribute(NFTA_PAYLOAD_OFFSET, expression.offset),
        numberAttribute(NFTA_PAYLOAD_LEN, expression.length),
      ];
    case "equal":
      return [
        "cmp",
        numberAttribute(NFTA_CMP_SREG, NFT_REG_1),
        numberAttribute(NFTA_CMP_OP, NFT_CMP_EQ),
        nested(NFTA_CMP_DATA, attribute(NFTA_DATA_VALUE, expression.value)),
      ];
    case "between":
      return [
        "range",
        numberAttribute(NFTA_RANGE_SREG, NFT_REG_1),
        numberAttribute(NFTA_RANGE_OP, NFT_RANGE_EQ),
        nested(NFTA_RANGE_FROM_DATA, attribute(NFTA_DATA_VALUE, expression.from)),
        nested(NFTA_RANGE_TO_DATA, attribute(NFTA_DATA_VALUE, expression.to)),
      ];
    case "load":
      return [
        "immediate",
        numberAttribute(NFTA_IMMEDIATE_DREG, NFT_REG_1),
        nested(NFTA_IMMEDIATE_DATA, attribute(NFTA_DATA_VALUE, expression.value)),
      ];
    case "return": {
      const code = numberAttribute(NFTA_VERDICT_CODE, NFT_RETURN);
      return [
        "immediate",
        numberAttribute(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT),
        nested(NFTA_IMMEDIATE_DATA, nested(NFTA_DATA_VERDICT, code)),
      ];
    }
    case "redirect":
      return ["redir", numberAttribute(NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1)];
    case "foreign":
      throw new TypeError(`an expression of kind ${expression.name} cannot be written`);
  }
}

type Attributes = ReadonlyMap<number, Uint8Array>;

function decodeOne(name: string, data: Attributes): Expression | undefined {
  switch (name) {
    case "meta":
      return decodeMeta(data);
    case "payload":
      return decodePayload(data);
    case "cmp":
      return decodeCompare(data);
    case "range":
      return decodeRange(data);
    case "immediate":
      return decodeImmediate(data);
    case "redir":
      return readNumber(data.get(NFTA_REDIR_REG_PROTO_MIN)) === NFT_REG_1
        ? { kind: "redirect" }
        : undefined;
    default:
      return undefined;
  }
}

function decodeMeta(data: Attributes): Expression | undefined {
  const number = readNumber(data.get(NFTA_META_KEY));
  const names: readonly MetaKey[] = ["oifname", "skuid", "skgid", "l4proto"];
  const key = names.find((known) => metaKeys[known] === number);
  if (key === undefined || readNumber(data.get(NFTA_META_DREG)) !== NFT_REG_1) return undefined;
  return { kind: "meta", key };
}

function decodePayload(data: Attributes): Expression | undefined {
  const offset = readNumber(data.get(NFTA_PAYLOAD_OFFSET));
  const length = readNumber(data.get(NFTA_PAYLOAD_LEN));
  const base = readNumber(data.get(NFTA_PAYLOAD_BASE));
  const register = readNumber(data.get(NFTA_PAYLOAD_DREG));
  if (base !== NFT_PAYLOAD_TRANSPORT_HEADER || register !== NFT_REG_1) return undefined;
  if (offset === undefined || length === undefined) return undefined;
  return { kind: "transport", offset, length };
}

function decodeCompare(data: Attributes): Expression | undefined {
  const value = readValue(data.get(NFTA_CMP_DATA));
  if (readNumber(data.get(NFTA_CMP_SREG)) !== NFT_REG_1 || value === undefined) return undefined;
  return readNumber(data.get(NFTA_CMP_OP)) === NFT_CMP_EQ ? { kind: "equal", value } : undefined;
}

function decodeRange(data: Attributes): Expression | undefined {
  const from = readValue(data.get(NFTA_RANGE_FROM_DATA));
  const to = readValue(data.get(NFTA_RANGE_TO_DATA));
  if (readNumber(data.get(NFTA_RANGE_SREG)) !== NFT_REG_1) return undefined;
  if (readNumber(data.get(NFTA_RANGE_OP)) !== NFT_RANGE_EQ) return undefined;
  return from === undefined || to === undefined ? undefined : { kind: "between", from, to };
}

function decodeImmediate(data: Attributes): Expression | undefined {
  const content = data.get(NFTA_IMMEDIATE_DATA);
  const register = readNumber(data.get(NFTA_IMMEDIATE_DREG));
  if (register === NFT_REG_1) {
    const value = readValue(content);
    return value === undefined ? undefined : { kind: "load", value };
  }
  const verdict = decodeAttributes(content ?? new Uint8Array())?.get(NFTA_DATA_VERDICT);
  const code = readNumber(decodeAttributes(verdict ?? new Uint8Array())?.get(NFTA_VERDICT_CODE));
  return register === NFT_REG_VERDICT && code === NFT_RETURN ? { kind: "return" } : undefined;
}

function readValue(data: Uint8Array | undefined): Uint8Array | undefined {
  const value = decodeAttributes(data ?? new Uint8Array())?.get(NFTA_DATA_VALUE);
  return value === undefined ? undefined : Uint8Array.from(value);
}
