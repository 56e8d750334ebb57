/**
 * What this project uses of forge's ASN.1 part. The package's own types describe its index, which would load RSA, TLS
 * and the rest of forge, and they lack the options of `fromDer`.
 */
declare module "node-forge/lib/asn1.js" {
  export interface Asn1 {
    readonly tagClass: number;
    readonly type: number;
    readonly constructed: boolean;
    /** One byte per character, or the inner values. */
    readonly value: string | readonly Asn1[];
  }

  interface DerOptions {
    readonly strict: boolean;
    readonly parseAllBytes: boolean;
    readonly decodeBitStrings: boolean;
  }

  interface Asn1Part {
    readonly Class: { readonly UNIVERSAL: number; readonly CONTEXT_SPECIFIC: number };
    readonly Type: Readonly<
      Record<
        | "BOOLEAN"
        | "INTEGER"
        | "BITSTRING"
        | "OCTETSTRING"
        | "OID"
        | "UTF8"
        | "SEQUENCE"
        | "SET"
        | "UTCTIME"
        | "GENERALIZEDTIME",
        number
      >
    >;
    create(
      tagClass: number,
      type: number,
      constructed: boolean,
      value: string | readonly Asn1[],
    ): Asn1;
    fromDer(bytes: string, options: DerOptions): Asn1;
    toDer(value: Asn1): { getBytes(): string };
    dateToUtcTime(date: Date): string;
    dateToGeneralizedTime(date: Date): string;
  }

  const exported: Asn1Part;
  export default exported;
}
