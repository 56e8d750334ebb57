/** What a running mesh and the commands say to each other over the mesh's socket. */

/** One line of `ps`, with the field names of its JSON output. */
export interface PodReport {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  /** The SPIFFE ID; null for a pod without a sidecar, which has none. */
  readonly identity: string | null;
  readonly ready: boolean;
  readonly containers: readonly ContainerReport[];
}

export interface ContainerReport {
  readonly name: string;
  /** As the host sees it; null while it does not run. */
  readonly pid: number | null;
  readonly ready: boolean;
  readonly restarts: number;
  readonly sidecar: boolean;
}

/** A pod that is not ready, in words. */
export interface NotReady {
  readonly namespace: string;
  readonly name: string;
  readonly reason: string;
  /** The newest lines of the container that keeps it. */
  readonly lines: readonly string[];
}

/** For tables: what the JSON of `ps` leaves out. */
export interface PodSummary extends PodReport {
  readonly phase: string;
  readonly reason: string | undefined;
  /** Milliseconds since it was made. */
  readonly age: number;
  readonly workload: string;
}

export interface ApplyRequest {
  /** Absolute paths of files and folders. */
  readonly paths: readonly string[];
  /** Manifests given as text (`-f -`). */
  readonly text?: string;
}

export interface ApplyResult {
  /** `deployment/web created`, `service/web unchanged`, … */
  readonly changes: readonly string[];
  readonly warnings: readonly string[];
  /** When there is one, nothing was changed. */
  readonly problems: readonly string[];
}

export interface ReadyResult {
  readonly pods: number;
  readonly notReady: readonly NotReady[];
}

/** Every answer that is not the wanted one: a sentence for a person. */
export interface Refusal {
  readonly error: string;
  readonly hint?: string;
}

/** First line of an exec stream, before the frames. */
export interface ExecRequest {
  readonly namespace: string | undefined;
  readonly target: string;
  readonly container: string | undefined;
  readonly command: readonly string[];
  readonly stdin: boolean;
}
