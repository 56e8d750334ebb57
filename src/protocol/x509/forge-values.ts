/** The few ASN.1 values that a certificate is made of, as forge trees. Only for programs that issue certificates. */
import asn1, { type Asn1 } from "node-forge/lib/asn1.js";

export type { Asn1 };

const { Class, Type } = asn1;

export function sequence(...values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, values);
}

export function set(...values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, values);
}

/** `content` is the value's content in two's complement. */
export function integer(content: Uint8Array): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.INTEGER, false, latin1(content));
}

export function boolean(value: boolean): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.BOOLEAN, false, value ? "\xff" : "\0");
}

/** The identifier as in oids.ts. */
export function objectIdentifier(hex: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, latin1(Buffer.from(hex, "hex")));
}

export function octetString(content: Uint8Array): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, latin1(content));
}

export function bitString(content: Uint8Array, unusedBits = 0): Asn1 {
  const value = String.fromCharCode(unusedBits) + latin1(content);
  return asn1.create(Class.UNIVERSAL, Type.BITSTRING, false, value);
}

export function utf8String(text: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.UTF8, false, latin1(Buffer.from(text, "utf8")));
}

/** Context-specific tags: `[n]` around values, or `[n]` in place of a primitive's own tag. */
export function explicitTag(tag: number, ...values: Asn1[]): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, values);
}

export function implicitTag(tag: number, content: Uint8Array): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, latin1(content));
}

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function time(wallTime: number): Asn1 {
  const date = new Date(wallTime);
  return date.getUTCFullYear() < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));
}

export function encode(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "latin1");
}

/** Takes only DER that this project encoded or OpenSSL has accepted; strangers' bytes go through der-reader.ts. */
export function decode(der: Buffer): Asn1 {
  // Without the last option forge looks into bit strings and changes them.
  return asn1.fromDer(latin1(der), { strict: true, parseAllBytes: true, decodeBitStrings: false });
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
