/** Every peer, in the order of the report's rows. */
import type { Peer } from "../peer.ts";
import { direct } from "./direct.ts";
import { envoyPeers } from "./envoy.ts";
import { haproxyPeers } from "./haproxy.ts";
import { nginx } from "./nginx.ts";
import { nodePeers } from "./node.ts";
import { remora, remoraFeatures } from "./remora.ts";

export const allPeers: readonly Peer[] = [
  direct,
  remora,
  ...haproxyPeers,
  nginx,
  ...envoyPeers,
  ...nodePeers,
];

/** Those and Remora with more switched on, which only the scenarios of features ask for. */
export const featurePeers: readonly Peer[] = [remora, ...remoraFeatures];
