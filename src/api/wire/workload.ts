/** istio.workload.Address from the wire. Unknown fields are passed over; unknown enum values mean "not declared". */
import { formatIpBytes } from "../../core/address.ts";
import { meshPolicyExtension, type WorkloadPolicy } from "../mesh-policy.ts";
import {
  type MeshAddress,
  type MeshService,
  type PortMapping,
  type PortProtocol,
  remoraExtension,
  type Workload,
} from "../workload.ts";
import { decodeExtension } from "./extension.ts";
import { WireError, WireReader } from "./reader.ts";
import { decodeWorkloadPolicy } from "./workload-policy.ts";

/** Throws a WireError that says what cannot be understood. */
export function decodeAddress(bytes: Uint8Array): MeshAddress {
  const reader = new WireReader(bytes);
  let address: MeshAddress | undefined;
  while (reader.next()) {
    if (reader.field === 1) address = decodeWorkload(reader.message());
    else if (reader.field === 2) address = decodeService(reader.message());
  }
  if (address === undefined) throw new WireError("address that is neither workload nor service");
  return address;
}

function decodeWorkload(reader: WireReader): Workload {
  const text = new Map<number, string>();
  const number = new Map<number, number>();
  const addresses: string[] = [];
  const authorizationPolicies: string[] = [];
  const services = new Map<string, readonly PortMapping[]>();
  let remora = false;
  let meshPolicy: WorkloadPolicy | undefined;
  while (reader.next()) {
    switch (reader.field) {
      case 1: // name
      case 2: // namespace
      case 6: // trust_domain
      case 7: // service_account
      case 13: // workload_name
      case 20: // uid
        text.set(reader.field, reader.string());
        break;
      case 3:
        addresses.push(addressText(reader.bytes()));
        break;
      case 5: // tunnel_protocol
      case 17: // status
      case 25: // network_mode
        number.set(reader.field, reader.uint32());
        break;
      case 16:
        authorizationPolicies.push(reader.string());
        break;
      case 22:
        services.set(...decodeServiceEntry(reader.message()));
        break;
      case 26: {
        const { name, config } = decodeExtension(reader.message());
        remora ||= name === remoraExtension;
        if (name === meshPolicyExtension) meshPolicy = decodeWorkloadPolicy(config);
        break;
      }
      default:
    }
  }
  const uid = text.get(20) ?? "";
  if (uid === "") throw new WireError("workload without a uid");
  return {
    kind: "workload",
    uid,
    name: text.get(1) ?? "",
    workloadName: text.get(13) || (text.get(1) ?? ""),
    namespace: text.get(2) ?? "",
    addresses,
    hbone: number.get(5) === 1,
    remora,
    trustDomain: text.get(6) || "cluster.local",
    serviceAccount: text.get(7) || "default",
    hostNetwork: number.get(25) === 1,
    healthy: (number.get(17) ?? 0) === 0,
    authorizationPolicies,
    services,
    ...(meshPolicy === undefined ? {} : { meshPolicy }),
  };
}

function decodeService(reader: WireReader): MeshService {
  let [name, namespace, hostname] = ["", "", ""];
  const addresses: string[] = [];
  const ports: PortMapping[] = [];
  let allowUnhealthy = false;
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) namespace = reader.string();
    else if (reader.field === 3) hostname = reader.string();
    else if (reader.field === 4) addresses.push(networkAddress(reader.message()));
    else if (reader.field === 5) ports.push(decodePort(reader.message()));
    else if (reader.field === 8) allowUnhealthy = decodeHealthPolicy(reader.message()) === 1;
  }
  if (hostname === "") throw new WireError("service without a hostname");
  return { kind: "service", name, namespace, hostname, addresses, ports, allowUnhealthy };
}

function networkAddress(reader: WireReader): string {
  let text = "";
  while (reader.next()) if (reader.field === 2) text = addressText(reader.bytes());
  return text;
}

function decodeHealthPolicy(reader: WireReader): number {
  let policy = 0;
  while (reader.next()) if (reader.field === 3) policy = reader.uint32();
  return policy;
}

function decodeServiceEntry(reader: WireReader): [string, readonly PortMapping[]] {
  let key = "";
  const ports: PortMapping[] = [];
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) {
      const list = reader.message();
      while (list.next()) if (list.field === 1) ports.push(decodePort(list.message()));
    }
  }
  return [key, ports];
}

function decodePort(reader: WireReader): PortMapping {
  let [servicePort, targetPort, protocol] = [0, 0, 0];
  while (reader.next()) {
    if (reader.field === 1) servicePort = reader.uint32();
    else if (reader.field === 2) targetPort = reader.uint32();
    else if (reader.field === 3) protocol = reader.uint32();
  }
  if (servicePort > 65_535 || targetPort > 65_535) throw new WireError("port above 65535");
  return { servicePort, targetPort, protocol: protocols[protocol] ?? "unknown" };
}

const protocols: readonly PortProtocol[] = ["unknown", "http1", "http2", "grpc", "tcp", "tls"];

function addressText(bytes: Uint8Array): string {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new WireError(`address of ${bytes.length} bytes`);
  }
  return formatIpBytes(bytes);
}
