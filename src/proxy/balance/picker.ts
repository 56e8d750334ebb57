/** Chooses an endpoint of a service: power of two choices on peak-EWMA latency. */

import type { EndpointReport } from "../../api/sidecar-pages.ts";
import type { Endpoint } from "../discovery/destination.ts";
import { EndpointLoad } from "./endpoint-load.ts";

/** Before the whole set is looked through: of 10,000 endpoints that costs 60 µs, and a lost node must not cost it often. */
const maxDraws = 4;

/** The endpoints of one service port with their loads, kept over changes of the set. */
export class Picker {
  #endpoints: readonly Endpoint[] = [];
  #loads: EndpointLoad[] = [];
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Loads of endpoints that stay are kept; the array is compared by identity, so calling it per request is free. */
  update(endpoints: readonly Endpoint[]): void {
    if (endpoints === this.#endpoints) return;
    const known = new Map(this.#loads.map((load) => [endpointKey(load.endpoint), load]));
    this.#endpoints = endpoints;
    this.#loads = endpoints.map((endpoint) => {
      const load = known.get(endpointKey(endpoint)) ?? new EndpointLoad(endpoint);
      load.endpoint = endpoint;
      return load;
    });
  }

  /**
   * Gives undefined when the set is empty, or when `tried` holds all of it. Endpoints that failed lately are passed
   * over while there is another one.
   */
  pick(now: number, tried?: ReadonlySet<EndpointLoad>): EndpointLoad | undefined {
    const loads = this.#loads;
    if (loads.length === 1 && tried === undefined) return loads[0];
    const drawn = tried === undefined ? this.#draw(now) : undefined;
    if (drawn !== undefined) return drawn;
    const left = tried === undefined ? loads : loads.filter((load) => !tried.has(load));
    const healthy = left.filter((load) => !load.isAvoided(now));
    const candidates = healthy.length > 0 ? healthy : left;
    const pair = this.#twoOf(candidates);
    if (pair === undefined) return candidates[0];
    return pair[0].cost(now) <= pair[1].cost(now) ? pair[0] : pair[1];
  }

  /** For people who look. */
  describe(now: number): readonly EndpointReport[] {
    return this.#loads.map((load) => load.describe(now));
  }

  /** The better of two that are not avoided, or the one of them that is not; undefined when luck had none. */
  #draw(now: number): EndpointLoad | undefined {
    for (let draw = 0; draw < maxDraws; draw += 1) {
      const pair = this.#twoOf(this.#loads);
      if (pair === undefined) return undefined;
      const [first, second] = pair;
      const avoided = first.isAvoided(now);
      if (second.isAvoided(now)) {
        if (!avoided) return first;
      } else if (avoided) return second;
      else return first.cost(now) <= second.cost(now) ? first : second;
    }
    return undefined;
  }

  #twoOf(loads: readonly EndpointLoad[]): readonly [EndpointLoad, EndpointLoad] | undefined {
    const count = loads.length;
    if (count < 2) return undefined;
    const first = Math.floor(this.#random() * count);
    const step = 1 + Math.floor(this.#random() * (count - 1));
    return [loads[first] as EndpointLoad, loads[(first + step) % count] as EndpointLoad];
  }
}

/** Two endpoints with the same key are the same pod with the same identity, behind the same port. */
export function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.ip}|${endpoint.port}|${endpoint.uid}|${endpoint.identity ?? ""}|${endpoint.strictBy ?? ""}`;
}
