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
  const running = [inbound];
  const stop = async () => {
    await Promise.all(running.map((program) => program.stop()));
  };
  try {
    // One after the other: they share a core, and a pod starts one.
    const inboundReady = await startToReady([inbound], waits.slice(0, 1));
    const outbound = launch(
      `${commands.name} outbound`,
      commands.outbound,
      options(site.clientNamespace),
    );
    running.push(outbound);
    const ready = Math.max(inboundReady, await startToReady([outbound], waits.slice(1)));
    const target = { host: "127.0.0.1", port: outboundPort };
    const { key, certificate } = site.certificates.client;
    const meshClient = { host: site.serverAddress, port: meshPort, key, chain: certificate };
    return {
      target,
      outbound: [outbound],
      inbound: [inbound],
      meshClient,
      startToReady: ready,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
