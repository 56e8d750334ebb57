/** One question that is put to every peer in the same way. */
import type { MetricName, Sample } from "./measure/metric.ts";
import type { Pair, Peer, Traffic } from "./peer.ts";
import type { Site } from "./site/site.ts";

export interface Subject {
  readonly site: Site;
  readonly pair: Pair;
  /** How long one measurement lasts. */
  readonly seconds: number;
  /** Load that is put on before the clock starts; longer in the first round, when code is still cold. */
  readonly warmUpSeconds: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly traffic: Traffic;
  /** What stands behind the inbound proxy, where it is not the usual one for this traffic. */
  readonly backend?: "grpc-echo";
  /** The columns of its table, the first is the one that peers are compared by. */
  readonly metrics: readonly MetricName[];
  /** `kept`: one pair lives through all rounds, warm. `fresh`: every round starts its own. */
  readonly pair: "kept" | "fresh";
  /** Too slow for a plain `npm run bench`; runs when it is named. */
  readonly onRequest?: true;
  /** False for a scenario that has no meaning without a proxy. */
  readonly direct: boolean;
  /** Who does not do what is asked for, by design; the report says why instead of a figure. */
  readonly abstains?: readonly { readonly peer: string; readonly why: string }[];
  /** Twenty pods on the server's side instead of one. */
  readonly manyDestinations?: true;
  /** Puts the question to these peers instead of those that were asked for. */
  readonly peers?: readonly Peer[];
  measure(subject: Subject): Promise<Sample>;
}
