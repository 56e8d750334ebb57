/** DeltaDiscoveryRequest to the wire and DeltaDiscoveryResponse from it, as the sidecar needs them. */
import type { DeltaRequest, DeltaResource, DeltaResponse } from "../discovery.ts";
import { WireReader } from "./reader.ts";
import { WireWriter } from "./writer.ts";

/** google.rpc.Code INVALID_ARGUMENT: what xDS clients say when they refuse a response. */
const invalidArgument = 3;

export function encodeDeltaRequest(request: DeltaRequest): Uint8Array {
  const writer = new WireWriter();
  const { node, error } = request;
  if (node !== undefined) {
    writer.message(1, (inner) => {
      inner.string(1, node.id);
      inner.message(3, (struct) => {
        for (const [key, value] of Object.entries(node.metadata)) {
          // google.protobuf.Struct: a map of name to Value, whose third kind is a string.
          struct.message(1, (entry) => {
            entry.string(1, key).message(2, (item) => void item.strings(3, [value]));
          });
        }
      });
    });
  }
  writer.string(2, request.typeUrl);
  writer.strings(3, request.subscribe ?? []);
  writer.strings(4, request.unsubscribe ?? []);
  for (const [name, version] of request.initialVersions ?? []) writer.entry(5, name, version);
  writer.string(6, request.responseNonce ?? "");
  if (error !== undefined) {
    writer.message(7, (status) => void status.uint(1, invalidArgument).string(2, error));
  }
  return writer.take();
}

/** Throws a WireError when the bytes are not the message; resource bodies are not looked into. */
export function decodeDeltaResponse(bytes: Uint8Array): DeltaResponse {
  const reader = new WireReader(bytes);
  let [typeUrl, nonce] = ["", ""];
  const resources: DeltaResource[] = [];
  const removed: string[] = [];
  while (reader.next()) {
    if (reader.field === 2) resources.push(decodeResource(reader.message()));
    else if (reader.field === 4) typeUrl = reader.string();
    else if (reader.field === 5) nonce = reader.string();
    else if (reader.field === 6) removed.push(reader.string());
  }
  return { typeUrl, nonce, resources, removed };
}

function decodeResource(reader: WireReader): DeltaResource {
  let [name, version, typeUrl] = ["", "", ""];
  let body: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.field === 1) version = reader.string();
    else if (reader.field === 2) {
      const any = reader.message();
      while (any.next()) {
        if (any.field === 1) typeUrl = any.string();
        else if (any.field === 2) body = any.bytes();
      }
    } else if (reader.field === 3) name = reader.string();
  }
  return { name, version, typeUrl, body };
}
