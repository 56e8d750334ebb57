/** An extension of Istio's messages from the wire: a name, and a google.protobuf.Any that the name says how to read. */
import type { WireReader } from "./reader.ts";

export interface WireExtension {
  readonly name: string;
  /** The bytes of the message within. */
  readonly config: Uint8Array;
}

export function decodeExtension(reader: WireReader): WireExtension {
  let name = "";
  let config: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) {
      const any = reader.message();
      while (any.next()) if (any.field === 2) config = any.bytes();
    }
  }
  return { name, config };
}
