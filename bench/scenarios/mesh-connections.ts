/** What an inbound sidecar holds for each connection of a peer: sessions that were opened and say nothing more. */
import { largestMegabytes } from "../measure/memory.ts";
import type { Sample } from "../measure/metric.ts";
import type { Scenario, Subject } from "../scenario.ts";
import { launch, type RunningProgram } from "../site/launch.ts";
import { sidecarUser } from "../site/site.ts";

const program = new URL("../programs/hold-mesh.ts", import.meta.url).pathname;
/** The first ones make room that the next ones use too. */
const firstConnections = 50;
const connections = 500;
/** Longer than the quiet time after which a program may give memory back. */
const quietMillis = 25_000;
const openingMillis = 60_000;

export const meshConnectionsScenario: Scenario = {
  name: "mesh-connections",
  title: `${connections} connections of peers to one inbound proxy, then silence`,
  traffic: "http1",
  metrics: ["memoryPerMeshConnection", "memoryMax", "errors"],
  pair: "fresh",
  onRequest: true,
  direct: false,
  measure,
};

async function measure(subject: Subject): Promise<Sample> {
  const inbound = { ...subject.pair, outbound: [] };
  const held: RunningProgram[] = [];
  try {
    held.push(await hold(subject, firstConnections));
    const warm = largestMegabytes(inbound);
    held.push(await hold(subject, connections));
    const memoryMax = largestMegabytes(inbound);
    const closed = held.map((one) => one.output().match(/^closed$/gm)?.length ?? 0);
    return {
      memoryPerMeshConnection: ((memoryMax - warm) * 1_000) / connections,
      memoryMax,
      errors: closed.reduce((sum, count) => sum + count, 0),
    };
  } finally {
    for (const one of held) await one.stop();
  }
}

async function hold({ site, pair }: Subject, count: number): Promise<RunningProgram> {
  const client = pair.meshClient;
  if (client === undefined) throw new Error("nobody else may dial the inbound proxy");
  const { host, port, key, chain } = client;
  const command = [process.execPath, program, host, String(port), key, chain, String(count)];
  const options = { namespace: site.clientNamespace, core: site.cores.load, user: sidecarUser };
  const holder = launch("hold-mesh", command, options);
  const deadline = Date.now() + openingMillis;
  while (!/^open$/m.test(holder.output())) {
    if (!holder.alive() || Date.now() > deadline) {
      await holder.stop();
      throw new Error(`hold-mesh: ${holder.output().slice(-500)}`);
    }
    await sleep(50);
  }
  await sleep(quietMillis);
  return holder;
}

function sleep(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
