/** A workload's certificate for as long as the process lives: asked for, renewed, served, and its TLS contexts. */
import { generateKeyPairSync } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { type Millis, seconds } from "../core/duration.ts";
import type { Log } from "../core/log.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import { createCsr } from "../protocol/x509/csr-request.ts";
import {
  afterFailure,
  afterIssue,
  afterTime,
  initialRenewal,
  type RenewalState,
  type Times,
} from "./renewal.ts";
import { sentChain } from "./sent-chain.ts";
import { meshTlsOptions } from "./tls-settings.ts";
import type { TrustBundle } from "./trust-bundle.ts";
import { readIssuedChain, type WorkloadCertificate } from "./workload-certificate.ts";

/** Sends a CSR in PEM and gives the chain: leaf, intermediates, roots in the last element. */
export type RequestCertificate = (csr: string) => Promise<readonly string[]>;

export interface CredentialsOptions {
  readonly requestCertificate: RequestCertificate;
  readonly trustBundle: Watch<TrustBundle>;
  /** Who this workload is; a certificate in another name is refused. */
  readonly id: SpiffeId;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Gives a number in [0, 1); spreads renewals. */
  readonly random?: () => number;
}

/** Everything that TLS needs at one moment; replaced as a whole when certificate or bundle change. */
export interface WorkloadTls {
  readonly certificate: WorkloadCertificate;
  /** For `tls.createServer` and its `setSecureContext`. */
  readonly serverOptions: SecureContextOptions;
  /** For `tls.connect`; made once and shared by all connections. */
  readonly clientContext: SecureContext;
}

export interface CredentialCounters {
  readonly renewals: number;
  readonly failures: number;
}

export interface Credentials {
  /** Undefined before the first certificate, and after one has ended that could not be renewed. */
  readonly tls: Watch<WorkloadTls | undefined>;
  /** The anchors in force. */
  readonly trustBundle: Watch<TrustBundle>;
  /** For dialling the authority itself, which asks for no certificate: there from the start. */
  identityContext(): SecureContext;
  /** Resolves when there is a certificate. */
  ready(): Promise<void>;
  counters(): CredentialCounters;
  close(): void;
}

/** A longer sleep of the machine, or a step of its clock, is noticed so soon. */
const maxNap = seconds(15);
const minNap = 10;

/** Asks for the first certificate at once. */
export function createCredentials(options: CredentialsOptions): Credentials {
  return new RenewingCredentials(options);
}

class RenewingCredentials implements Credentials {
  readonly tls = createWatch<WorkloadTls | undefined>(undefined);
  readonly trustBundle: Watch<TrustBundle>;
  readonly #options: CredentialsOptions;
  readonly #random: () => number;
  readonly #unsubscribe: () => void;
  #state: RenewalState = initialRenewal();
  #stopTimer: () => void = () => {};
  #anchors: { readonly pem: string; readonly context: SecureContext } | undefined;
  #renewals = 0;
  #failures = 0;
  #closed = false;

  constructor(options: CredentialsOptions) {
    this.#options = options;
    this.trustBundle = options.trustBundle;
    this.#random = options.random ?? Math.random;
    this.#unsubscribe = options.trustBundle.subscribe(() => this.#rebuild());
    // In the next turn: the request may dial by `identityContext` of what the caller is about to receive.
    queueMicrotask(() => void this.#request(0));
    this.#schedule();
  }

  identityContext(): SecureContext {
    const own = this.tls.current();
    if (own !== undefined) return own.clientContext;
    const { pem } = this.#options.trustBundle.current();
    if (this.#anchors?.pem !== pem) {
      this.#anchors = { pem, context: createSecureContext({ ...meshTlsOptions, ca: pem }) };
    }
    return this.#anchors.context;
  }

  ready(): Promise<void> {
    if (this.tls.current() !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.tls.subscribe((tls) => {
        if (tls === undefined) return;
        stop();
        resolve();
      });
    });
  }

  counters(): CredentialCounters {
    return { renewals: this.#renewals, failures: this.#failures };
  }

  close(): void {
    this.#closed = true;
    this.#stopTimer();
    this.#unsubscribe();
  }

  /** Wakes up when something is due, and now and then to see whether the clocks were moved. */
  #schedule(): void {
    this.#stopTimer();
    const now = this.#times();
    const end = this.tls.current()?.certificate.notAfter ?? Number.POSITIVE_INFINITY;
    const due = this.#state.kind === "requesting" ? Number.POSITIVE_INFINITY : this.#state.due.wall;
    const nap = Math.max(minNap, Math.min(maxNap, end - now.wall, due - now.wall)) as Millis;
    this.#stopTimer = this.#options.clock.after(nap, () => this.#wake());
  }

  #wake(): void {
    const now = this.#times();
    const held = this.tls.current()?.certificate;
    if (held !== undefined && held.notAfter <= now.wall) {
      this.#options.log.error({ serial: held.serial }, "certificate ended without a renewal");
      this.tls.set(undefined);
    }
    const next = afterTime(this.#state, now);
    if (next !== this.#state) {
      this.#state = next;
      if (next.kind === "requesting") void this.#request(next.attempt);
    }
    this.#schedule();
  }

  /** A fresh key for every certificate: a key that leaked is worth one lifetime. */
  async #request(attempt: number): Promise<void> {
    const { id, trustDomain, requestCertificate, log } = this.#options;
    try {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const answer = await requestCertificate(createCsr(privateKey, id));
      if (this.#closed) return;
      const now = this.#times();
      const certificate = readIssuedChain(answer, { privateKey, trustDomain, id, now: now.wall });
      this.#hold(certificate);
      this.#renewals += 1;
      this.#state = afterIssue(certificate, now, this.#random);
      const { serial, notAfter } = certificate;
      log.info({ id, serial, notAfter: new Date(notAfter).toISOString() }, "certificate received");
    } catch (error) {
      if (this.#closed) return;
      this.#failures += 1;
      const held = this.tls.current()?.certificate;
      this.#state = afterFailure(attempt, held, this.#times(), this.#random);
      const until = held === undefined ? undefined : new Date(held.notAfter).toISOString();
      log.warn({ err: error, attempt, heldUntil: until }, "certificate not received");
    }
    this.#schedule();
  }

  #hold(certificate: WorkloadCertificate): void {
    const { pem } = this.#options.trustBundle.current();
    const serverOptions = {
      ...meshTlsOptions,
      key: certificate.privateKeyPem,
      cert: sentChain(certificate.chainPem, pem),
      ca: pem,
    };
    const clientContext = createSecureContext(serverOptions);
    this.#anchors = undefined;
    this.tls.set({ certificate, serverOptions, clientContext });
  }

  #rebuild(): void {
    const held = this.tls.current()?.certificate;
    if (held !== undefined) this.#hold(held);
  }

  #times(): Times {
    const { clock } = this.#options;
    return { monotonic: clock.now(), wall: clock.wallTime() };
  }
}
