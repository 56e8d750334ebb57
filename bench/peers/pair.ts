/** Starts the two proxies of a pair as sidecars, each on its side, and waits until both accept. */
import type { Pair } from "../peer.ts";
import { capture } from "../site/capture.ts";
import { type LaunchOptions, launch, type RunningProgram } from "../site/launch.ts";
import { startToReady, startWaiting } from "../site/ready.ts";
import { firstService, type Site, sidecarUser } from "../site/site.ts";

/** Where the outbound proxy takes what was captured, on the client side's loopback. */
export const outboundPort = 15001;
/** The inbound proxy's port for its peer. */
export const meshPort = 15008;

export interface PairCommands {
  readonly name: string;
  readonly outbound: readonly string[];
  readonly inbound: readonly string[];
}

export async function startPair(site: Site, commands: PairCommands): Promise<Pair> {
  const load = site.cores.load;
  const atOutbound = {
    namespace: site.clientNamespace,
    core: load,
    host: "127.0.0.1",
    port: outboundPort,
  };
  const atInbound = {
    namespace: site.serverNamespace,
    core: load,
    host: "127.0.0.1",
    port: meshPort,
  };
  const options = (namespace: string): LaunchOptions => ({
    namespace,
    core: site.cores.proxies,
    // The user stays, since a peer may be installed where only that one can read.
    group: sidecarUser,
  });
  const running: RunningProgram[] = [];
  const stop = async () => {
    await Promise.all(running.map((program) => program.stop()));
  };
  try {
    await capture(site, { outbound: outboundPort, mesh: meshPort });
    // One after the other: they share a core, and a pod starts one.
    const ready: number[] = [];
    for (const [side, at] of [
      ["inbound", atInbound],
      ["outbound", atOutbound],
    ] as const) {
      const wait = await startWaiting(at);
      const program = launch(`${commands.name} ${side}`, commands[side], options(at.namespace));
      running.push(program);
      ready.push(await startToReady([program], [wait]));
    }
    const { key, certificate } = site.certificates.client;
    const meshClient = { host: site.serverAddress, port: meshPort, key, chain: certificate };
    return {
      target: firstService(site),
      outbound: running.slice(1),
      inbound: running.slice(0, 1),
      meshClient,
      startToReady: Math.max(...ready),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
