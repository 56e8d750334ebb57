/** The stage that every exchange towards the application must pass: no permit, no byte. */
import type { PolicySnapshot } from "../../api/authorization.ts";
import type { SpiffeId } from "../../core/spiffe-id.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import {
  type Ambiguous,
  type ConnectionFacts,
  type Decision,
  openGate,
} from "../policy/authorize.ts";
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

export type InboundDecision = Decision | Ambiguous | { readonly kind: "own-port" };
export type Refusal = Exclude<InboundDecision, { kind: "permit" }>;

/** What the client may do at one port of the pod, for as long as the policies stay the same. */
export interface InboundGate {
  readonly connection: InboundDecision;
  /** Undefined when requests are judged one by one. */
  readonly requests: InboundDecision | undefined;
  /** Leaves the head in the form in which it was judged. */
  judge(head: RequestHead): InboundDecision;
}

export function openInboundGate(
  policies: PolicySnapshot,
  client: Client,
  port: number,
): InboundGate {
  if (isOwnPort(port)) return ownPort;
  return openGate(policies, connectionFacts(client, port));
}

export function connectionFacts(
  { peer, clientIp, localIp }: Client,
  port: number,
): ConnectionFacts {
  return { peer, clientIp, destinationIp: localIp, port };
}

const loop = { kind: "own-port" } as const;
const ownPort: InboundGate = { connection: loop, requests: loop, judge: () => loop };
