/**
 * What the choice of an endpoint costs, by their number: `node bench/micro/picker.bench.ts`. Nanoseconds per request, best
 * of several rounds; all healthy, and with every tenth failing, as after the loss of a node.
 */
import { Picker } from "../../src/proxy/balance/picker.ts";
import type { Endpoint } from "../../src/proxy/discovery/destination.ts";

const rounds = 7;
const picks = 20_000;
const now = 1_000;

function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, at) => {
    const ip = `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;
    const uid = String(at);
    return {
      ip,
      port: 80,
      tunnel: "none",
      identity: undefined,
      namespace: "n",
      workload: "w",
      uid,
    };
  });
}

/** The endpoints whose place is a multiple of `failing` are avoided, the others have answered. */
function createPicker(count: number, failing: number): Picker {
  // Points at one endpoint after the other, and at its neighbour for the second choice.
  let calls = 0;
  let random = (): number => (calls++ % 2 === 0 ? (Math.floor(calls / 2) + 0.5) / count : 0);
  const picker = new Picker(() => random());
  picker.update(endpoints(count));
  const loads = Array.from({ length: count }, () => {
    const load = picker.pick(now);
    load?.observe(1, now);
    return load;
  });
  for (let at = failing - 1; at < count; at += failing) loads[at]?.penalize(now);
  random = Math.random;
  return picker;
}

for (const [failing, what] of [
  [Infinity, "all healthy"],
  [10, "every tenth avoided"],
] as const) {
  for (const count of [10, 100, 10_000]) {
    const picker = createPicker(count, failing);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round += 1) {
      const begin = process.hrtime.bigint();
      for (let index = 0; index < picks; index += 1) picker.pick(now + 1);
      best = Math.min(best, Number(process.hrtime.bigint() - begin) / picks);
    }
    process.stdout.write(
      `${`${count} endpoints, ${what}`.padEnd(40)} ${best.toFixed(0).padStart(7)} ns\n`,
    );
  }
}
