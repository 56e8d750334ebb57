/** The stage that every exchange towards the application must pass: no permit, no byte. */
import type { PolicySnapshot } from "../../api/authorization.ts";
import type { SpiffeId } from "../../core/spiffe-id.ts";
import { authorize, type Decision } from "../policy/authorize.ts";
import { isOwnPort } from "../ports.ts";

/** Who asks; proven by the TLS session, or nobody on the plaintext listener. */
export interface Client {
  readonly peer: SpiffeId | undefined;
  readonly clientIp: string;
  /** For logs. */
  readonly client: string;
  /** The pod's address that the client reached. */
  readonly localIp: string;
}

export type InboundDecision = Decision | { readonly kind: "own-port" };

export function authorizeInbound(
  policies: PolicySnapshot,
  client: Client,
  port: number,
): InboundDecision {
  if (isOwnPort(port)) return { kind: "own-port" };
  return authorize(policies, {
    peer: client.peer,
    clientIp: client.clientIp,
    destinationIp: client.localIp,
    port,
  });
}
