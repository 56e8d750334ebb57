/** Puts one scenario to every peer, in rounds. */
import { startBackend } from "./backend.ts";
import type { Pair, Peer } from "./peer.ts";
import type { Measurement } from "./report/results.ts";
import type { Scenario } from "./scenario.ts";
import type { Certificates } from "./site/certificates.ts";
import { type RunningProgram, runInside } from "./site/launch.ts";
import { type Cores, createSite, type Site } from "./site/site.ts";

/** Code that a peer compiles or caches at run time is warm after this much load. */
const firstWarmUpSeconds = 3;
const laterWarmUpSeconds = 1;

const checkProgram = new URL("./programs/check.ts", import.meta.url).pathname;

export interface Place {
  readonly folder: string;
  readonly certificates: Certificates;
  readonly cores: Cores;
  readonly rounds: number;
  readonly seconds: number;
  readonly onProgress: (text: string) => void;
}

interface Contender {
  readonly peer: Peer;
  readonly site: Site;
  readonly backend: RunningProgram;
  /** A kept pair, from its first round on. */
  pair: Pair | undefined;
}

/** A peer that fails is recorded with its reason and takes no part in later rounds; the others go on. */
export async function measureScenario(
  scenario: Scenario,
  peers: readonly Peer[],
  place: Place,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const contenders: Contender[] = [];
  try {
    const failed = (peer: Peer, round: number, error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      // A stack trace names files by where this checkout happens to lie, which is nobody's business.
      const failure = text.replaceAll(new URL("../", import.meta.url).href, "");
      measurements.push({ scenario: scenario.name, peer: peer.name, round, failure });
    };
    const wanted = (scenario.peers ?? peers).filter(
      (peer) =>
        peer.carries.includes(scenario.traffic) &&
        (scenario.direct || peer.name !== "direct") &&
        scenario.abstains?.some((one) => one.peer === peer.name) !== true,
    );
    for (const peer of wanted) contenders.push(await contender(scenario, peer, place));
    let racing = contenders;
    for (let round = 0; round < place.rounds; round += 1) {
      for (const one of rotate(racing, round)) {
        place.onProgress(
          `${scenario.name}, round ${round + 1} of ${place.rounds}: ${one.peer.name}`,
        );
        try {
          const sample = await measureOnce(scenario, one, place);
          measurements.push({ scenario: scenario.name, peer: one.peer.name, round, sample });
        } catch (error) {
          failed(one.peer, round, error);
          racing = racing.filter((other) => other !== one);
        }
      }
    }
  } finally {
    for (const { pair, backend, site } of contenders) {
      await pair?.stop();
      await backend.stop();
      site.remove();
    }
  }
  return measurements;
}

async function contender(scenario: Scenario, peer: Peer, place: Place): Promise<Contender> {
  const site = createSite(peer.name, place.folder, {
    certificates: place.certificates,
    cores: place.cores,
    manyDestinations: scenario.manyDestinations === true,
  });
  try {
    const backend = await startBackend(site, scenario.backend ?? scenario.traffic);
    return { peer, site, backend, pair: undefined };
  } catch (error) {
    site.remove();
    throw error;
  }
}

async function measureOnce(scenario: Scenario, one: Contender, place: Place) {
  const { site, peer } = one;
  const pair = one.pair ?? (await peer.start(site, scenario.traffic));
  const first = one.pair === undefined;
  if (scenario.pair === "kept") one.pair = pair;
  try {
    if (first && scenario.pair === "kept") await check(scenario, site, pair);
    const warmUpSeconds = first ? firstWarmUpSeconds : laterWarmUpSeconds;
    const sample = await scenario.measure({ site, pair, seconds: place.seconds, warmUpSeconds });
    if (proxies(pair).some((program) => !program.alive())) throw new Error("the figures are void");
    return sample;
  } catch (error) {
    const dead = proxies(pair).filter((program) => !program.alive());
    const died = dead.map(({ name }) => `${name} died: `).join("");
    throw new Error(`${died}${(error as Error).message}${lastWords(pair)}`, { cause: error });
  } finally {
    if (scenario.pair === "fresh") await pair.stop();
  }
}

/** Nobody's speed counts before one complete answer came through. */
async function check(scenario: Scenario, site: Site, pair: Pair): Promise<void> {
  if (scenario.traffic === "tcp") return;
  const { host, port } = pair.target;
  const command = [process.execPath, checkProgram, scenario.traffic, host, String(port)];
  const options = { namespace: site.clientNamespace, core: site.cores.load };
  await runInside("the check of the first answer", command, options);
}

function proxies(pair: Pair): RunningProgram[] {
  return [...pair.outbound, ...pair.inbound];
}

function lastWords(pair: Pair): string {
  return proxies(pair)
    .map((program) => [program.name, program.output().trim().slice(-500)])
    .filter(([, words]) => words !== "")
    .map(([name, words]) => `\n${name} printed: ${words}`)
    .join("");
}

/** Each round starts with another peer, so that no one always runs on a machine that another has just warmed. */
function rotate<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
