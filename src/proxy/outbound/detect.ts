/** Third stage: what the client speaks. Declared and learned protocols cost nothing; otherwise bytes tell. */
import { formatAddress } from "../../core/address.ts";
import type { EndpointLoad } from "../balance/endpoint-load.ts";
import { connectHead } from "../balance/upstreams.ts";
import { isRequestsOnly } from "../http/mesh-headers.ts";
import {
  detectConnection,
  type OpenTunnel,
  type Spoken,
  silencePatience,
} from "../transport/detect-connection.ts";
import { HeldTunnel } from "../transport/tunnel.ts";
import type { Discovered } from "./discover.ts";
import { openOpaque, pickEndpoint } from "./opaque.ts";
import type { OutboundContext } from "./serve.ts";

export interface Detected extends Discovered {
  readonly spoken: Exclude<Spoken, { kind: "gone" }>;
  /** Where the tunnel of an opaque connection goes that was opened before the client spoke. */
  readonly tunnelTo: EndpointLoad | undefined;
}

/** Undefined when the client went away before it said anything. */
export async function detectOutbound(
  discovered: Discovered,
  context: OutboundContext,
): Promise<Detected | undefined> {
  const { declared, origDst, wire } = discovered;
  const key = formatAddress(origDst);
  const learned = declared === undefined ? context.learned.get(key) : undefined;
  if (declared === "tcp" || declared === "tls" || learned === "opaque") {
    const why = learned === undefined ? "declared" : "learned";
    const spoken = { kind: "opaque", tunnel: undefined, why } as const;
    return { ...discovered, spoken, tunnelTo: undefined };
  }
  const speculate = declared === undefined && learned === undefined;
  const tunnelTo = speculate ? pickEndpoint(discovered, context) : undefined;
  const openTunnel = tunnelTo === undefined ? undefined : tunnelOpener(tunnelTo, context);
  const patience = speculate && tunnelTo === undefined ? silencePatience : undefined;
  const spoken = await detectConnection(wire.engine, openTunnel, patience);
  if (spoken.kind === "gone") return undefined;
  if (declared === undefined) {
    const { detections } = context.workload.meters.families;
    detections.series("outbound", spoken.kind).value += 1;
    learn(context, key, spoken);
  }
  return { ...discovered, spoken, tunnelTo };
}

/** A silent client proves nothing, and neither does one odd client of a server that speaks HTTP. */
function learn(context: OutboundContext, key: string, spoken: Detected["spoken"]): void {
  if (spoken.kind !== "opaque") context.learned.set(key, "http");
  else if (spoken.why === "server-first") context.learned.set(key, "opaque");
}

function tunnelOpener(load: EndpointLoad, context: OutboundContext): OpenTunnel {
  return (events, opened) => {
    openOpaque(load.endpoint, context, {
      attempts: 0,
      connect(opener) {
        const head = connectHead(formatAddress(load.endpoint));
        opened(new HeldTunnel(head, opener, events, ({ headers }) => isRequestsOnly(headers)));
      },
      connectFailed: () => events.onServerGone(),
    });
  };
}
