/** Service-account tokens for the pods of a mesh, each kept until most of its life is over. */
import type { Pod } from "../api/kubernetes.ts";
import type { Clock } from "../core/clock.ts";
import { seconds } from "../core/duration.ts";
import type { TokenSigner } from "../identity/local-issuer.ts";

/** The kubelet renews a token when this part of its life is over. */
const renewAt = 0.8;

export class PodTokens {
  readonly #signer: TokenSigner;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { readonly token: string; readonly renewTime: number }>();

  constructor(signer: TokenSigner, clock: Clock) {
    this.#signer = signer;
    this.#clock = clock;
  }

  /** The pod's token for the audience; the same text until it should be renewed. */
  token(pod: Pod, audience: string, expirationSeconds: number): string {
    const { name, namespace = "default", uid = "" } = pod.metadata;
    const key = `${uid} ${audience} ${expirationSeconds}`;
    const known = this.#tokens.get(key);
    const now = this.#clock.wallTime();
    if (known !== undefined && now < known.renewTime) return known.token;
    const token = this.#signer.sign({
      namespace,
      serviceAccount: pod.spec.serviceAccountName ?? "default",
      podName: name,
      podUid: uid,
      audience,
      lifetime: seconds(expirationSeconds),
    });
    this.#tokens.set(key, { token, renewTime: now + expirationSeconds * 1_000 * renewAt });
    return token;
  }

  /** Forgets a pod that is gone. */
  forget(pod: Pod): void {
    const prefix = `${pod.metadata.uid ?? ""} `;
    for (const key of Array.from(this.#tokens.keys())) {
      if (key.startsWith(prefix)) this.#tokens.delete(key);
    }
  }
}
