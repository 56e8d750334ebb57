/** remora.policy.v1.WorkloadPolicy from the wire. A value that is not known stands for the stricter one. */
import type { PortPolicy, WorkloadPolicy } from "../mesh-policy.ts";
import { openWorkloadPolicy } from "../mesh-policy.ts";
import { WireReader } from "./reader.ts";

/** Throws a WireError when the bytes are no message. */
export function decodeWorkloadPolicy(bytes: Uint8Array): WorkloadPolicy {
  const reader = new WireReader(bytes);
  let { all } = openWorkloadPolicy;
  const ports = new Map<number, PortPolicy>();
  while (reader.next()) {
    if (reader.field === 1) [, all] = decodePortPolicy(reader.message());
    else if (reader.field === 2) ports.set(...decodePortPolicy(reader.message()));
  }
  return { all, ports };
}

function decodePortPolicy(reader: WireReader): [number, PortPolicy] {
  let [port, mtls, defaultAction] = [0, 0, 0];
  let [mtlsPolicy, defaultPolicy] = ["", ""];
  while (reader.next()) {
    if (reader.field === 1) port = reader.uint32();
    else if (reader.field === 2) mtls = reader.uint32();
    else if (reader.field === 3) mtlsPolicy = reader.string();
    else if (reader.field === 4) defaultAction = reader.uint32();
    else if (reader.field === 5) defaultPolicy = reader.string();
  }
  const policy: PortPolicy = {
    mtls: mtls === 0 ? "permissive" : "strict",
    mtlsPolicy,
    defaultAction: defaultAction === 0 ? "allow" : "deny",
    defaultPolicy,
  };
  return [port, policy];
}
