/** The delta xDS conversation in readonly TypeScript. */

export const addressType = "type.googleapis.com/istio.workload.Address";
export const authorizationType = "type.googleapis.com/istio.security.Authorization";
export const discoveryPath =
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/** Who asks; the names are those of ztunnel's node metadata. */
export interface NodeInfo {
  readonly id: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface DeltaRequest {
  /** Only in the first request of a stream. */
  readonly node?: NodeInfo;
  readonly typeUrl: string;
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  /** Name to version of what is still held from before; only in the first request of a type. */
  readonly initialVersions?: ReadonlyMap<string, string>;
  readonly responseNonce?: string;
  /** Why the response with that nonce was refused, wholly or in part. */
  readonly error?: string;
}

export interface DeltaResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly DeltaResource[];
  readonly removed: readonly string[];
}

export interface DeltaResource {
  readonly name: string;
  readonly version: string;
  readonly typeUrl: string;
  readonly body: Uint8Array;
}
