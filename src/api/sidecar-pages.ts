/** What a sidecar's admin interface tells in JSON, for those who write it and those who read it. */

/** Of `/certs`; never the key. */
export interface CertificatesPage {
  /** Null before the first certificate. */
  readonly certificate: {
    readonly id: string;
    readonly serial: string;
    readonly notBefore: string;
    readonly notAfter: string;
    /** Leaf and intermediates. */
    readonly chain: string;
  } | null;
  readonly trustBundle: { readonly hash: string; readonly anchors: number; readonly pem: string };
  readonly renewals: number;
  readonly failures: number;
}

/** Of `/failures`: one kind of failure, with its first case as an example. */
export interface FailureReport {
  /** As in the errors of docs/errors.md. */
  readonly error: string;
  readonly direction: "inbound" | "outbound";
  /** When a failure of the kind was seen first and last, ISO 8601. */
  readonly first: string;
  readonly last: string;
  readonly count: number;
  /** `namespace/name` of whom it was about; empty when it did not come so far. */
  readonly service: string;
  /** The identity on the other side, or empty. */
  readonly peer: string;
  /** The policy that denied it. */
  readonly policy?: string | undefined;
  readonly detail?: string | undefined;
  readonly client: string;
  readonly upstream?: string | undefined;
  readonly protocol?: string | undefined;
  readonly method?: string | undefined;
  readonly authority?: string | undefined;
  readonly path?: string | undefined;
}

/** Of `/endpoints`: one destination that the pod has talked to. */
export interface DestinationReport {
  readonly destination: string;
  readonly endpoints: readonly EndpointReport[];
}

export interface EndpointReport {
  readonly address: string;
  /** `namespace/name` of what the pod belongs to. */
  readonly workload: string;
  /** Null when it is reached in plaintext. */
  readonly identity: string | null;
  readonly tunnel: string;
  /** Exchanges that it was sent and has not ended. */
  readonly pending: number;
  /** 0 before its first answer, and again when it was not asked for long. */
  readonly latencyMillis: number;
  /** Connects that failed one after another. */
  readonly failures: number;
  /** For how long it is still passed over while there is another one. */
  readonly avoidedMillis: number;
}
