/** One picker for each service port, shared by all connections, so that they learn from each other's answers. */
import type { DestinationReport } from "../../api/sidecar-pages.ts";
import { dropOldest } from "../../core/drop-oldest.ts";
import { Picker } from "../balance/picker.ts";
import type { Destination, Endpoint } from "../discovery/destination.ts";

/** Service ports that one pod talks to; the ones used longest ago are forgotten beyond it. */
const maxPickers = 2_048;

export class Pickers {
  readonly #pickers = new Map<string, Picker>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The picker for this destination, with its current endpoints. */
  find(key: string, endpoints: readonly Endpoint[]): Picker {
    let picker = this.#pickers.get(key);
    if (picker === undefined) {
      picker = new Picker(this.#random);
      this.#pickers.set(key, picker);
      dropOldest(this.#pickers, maxPickers);
    }
    picker.update(endpoints);
    return picker;
  }

  /** For people who look: what this pod has talked to, with each endpoint's health and load. */
  describe(now: number): readonly DestinationReport[] {
    return Array.from(this.#pickers, ([destination, picker]) => {
      return { destination, endpoints: picker.describe(now) };
    });
  }
}

/** The endpoints that may serve a connection to this destination. */
export function endpointsOf(destination: Destination): readonly Endpoint[] {
  switch (destination.kind) {
    case "service":
      return destination.endpoints;
    case "workload":
      return [destination.endpoint];
    case "unknown":
      return [];
  }
}
