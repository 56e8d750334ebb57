/** One thing that proxies can ask for, encoded once however many ask. */
import { createHash } from "node:crypto";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";

export interface Resource {
  readonly name: string;
  /**
   * A digest of the bytes: the same state has the same version in every replica and after every restart, so a proxy
   * that reconnects to any of them is sent only what really changed.
   */
  readonly version: string;
  readonly typeUrl: string;
  readonly body: Uint8Array;
}

export function encodeResource<Desc extends DescMessage>(
  name: string,
  typeUrl: string,
  schema: Desc,
  message: MessageShape<Desc>,
): Resource {
  const body = toBinary(schema, message);
  const version = createHash("sha256").update(body).digest("base64url").slice(0, 16);
  return { name, version, typeUrl, body };
}
