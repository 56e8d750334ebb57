/** Last stage: puts the engine that was detected on the client's connection. */

import { formatAddress } from "../../core/address.ts";
import type { Engine, EngineHost } from "../../protocol/exchange.ts";
import { createHttp1Server } from "../../protocol/http1/server.ts";
import { createHttp2Server } from "../../protocol/http2/server.ts";
import { createOpaqueServer } from "../../protocol/opaque.ts";
import { replayInto } from "../transport/peek.ts";
import type { Detected } from "./detect.ts";
import { currentDestination } from "./discover.ts";
import { OutboundHttp } from "./http.ts";
import { OutboundOpaque } from "./opaque-exchange.ts";
import { endpointsOf } from "./pickers.ts";
import type { OutboundContext } from "./serve.ts";

export function forwardOutbound(detected: Detected, context: OutboundContext): void {
  const { wire } = detected;
  const peek = wire.engine;
  const { engine } = wire.become((host) => createEngine(host, detected, context));
  replayInto(engine, peek, wire);
}

function createEngine(host: EngineHost, detected: Detected, context: OutboundContext): Engine {
  const { spoken, origDst } = detected;
  switch (spoken.kind) {
    case "http1":
      return createHttp1Server(host, acceptHttp("http1", detected, context), context.wires.http1);
    case "http2":
      return createHttp2Server(host, acceptHttp("http2", detected, context), context.wires.http2);
    case "opaque":
      return createOpaqueServer(
        host,
        new OutboundOpaque(detected, context),
        formatAddress(origDst),
      );
  }
}

function acceptHttp(
  protocol: "http1" | "http2",
  detected: Detected,
  context: OutboundContext,
): OutboundHttp {
  const { origDst, client, service } = detected;
  const { workload, upstreams, overload, pickers } = context;
  const key = `${service}|${formatAddress(origDst)}`;
  return new OutboundHttp({
    workload,
    upstreams,
    overload,
    client,
    service,
    protocol,
    picker: () => pickers.find(key, endpointsOf(currentDestination(detected, context))),
  });
}
