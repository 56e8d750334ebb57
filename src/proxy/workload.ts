/** Whom the proxy works for. Everything that belongs to one pod hangs here, and nothing of it on a module. */
import type { PolicySnapshot } from "../api/authorization.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import type { Watch } from "../core/watch.ts";
import type { WorkloadTls } from "../credentials/credentials.ts";
import type { AppProtocol, Discovery } from "./discovery/destination.ts";
import type { AccessLog } from "./telemetry/access-log.ts";
import type { Meters } from "./telemetry/meter.ts";
import type { RecentFailures } from "./telemetry/recent-failures.ts";

export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly identity: SpiffeId;
  readonly discovery: Discovery;
  readonly policies: Watch<PolicySnapshot>;
  /** The newest certificate and its contexts; undefined until the first one was issued. */
  readonly tls: () => WorkloadTls | undefined;
  readonly meters: Meters;
  /** Undefined when access logging is off. */
  readonly accessLog: AccessLog | undefined;
  /** Counts what failed, and tells it. */
  readonly failures: RecentFailures;
  /** What the pod's own ports speak, as its spec declares it. */
  readonly inboundProtocols: ReadonlyMap<number, AppProtocol>;
  /** Destination ports whose bytes are never parsed. */
  readonly isOpaquePort: (port: number) => boolean;
}
