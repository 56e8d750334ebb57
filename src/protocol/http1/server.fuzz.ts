/** The server engine against the naive reading, whole and in pieces. */
import type { FuzzTarget } from "../fuzz-target.ts";
import { compareReadings } from "./testing/compare.ts";
import { inOnePiece, randomly } from "./testing/fake-host.ts";
import { requestSeeds } from "./testing/seeds.ts";

export const target: FuzzTarget = {
  name: "http1-server",
  seeds: requestSeeds,
  run(input) {
    compareReadings(input, inOnePiece);
    compareReadings(input, randomly(input.length));
  },
};
