/** Starts the two proxies of a pair, each on its side, and waits until both accept. */
import type { Pair } from "../peer.ts";
import { type LaunchOptions, launch } from "../site/launch.ts";
import { startToReady, startWaiting } from "../site/ready.ts";
import type { Site } from "../site/site.ts";

/** The application's way into the outbound proxy, on the client side's loopback. */
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
  const waits = [await startWaiting(atInbound), await startWaiting(atOutbound)];
  const options = (namespace: string): LaunchOptions => ({ namespace, core: site.cores.proxies });
  const inbound = launch(
    `${commands.name} inbound`,
    commands.inbound,
    options(site.serverNamespace),
  );
  const outbound = launch(
    `${commands.name} outbound`,
    commands.outbound,
    options(site.clientNamespace),
  );
  const stop = async () => {
    await Promise.all([inbound.stop(), outbound.stop()]);
  };
  try {
    const ready = await startToReady([inbound, outbound], waits);
    const target = { host: "127.0.0.1", port: outboundPort };
    return { target, outbound: [outbound], inbound: [inbound], startToReady: ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
