/**
 * What every sidecar mesh does to a pod, for the peers that have no such program of their own: the kernel hands the
 * application's connections to the proxy. The kernel counts its part of the work to the proxy, so without it a peer would
 * carry less than Remora does. These are the fewest rules that do it; those of a mesh's own program are more.
 */
import { writeFileSync } from "node:fs";
import { run } from "./command.ts";
import { type Site, sidecarUser } from "./site.ts";

export interface CapturePorts {
  /** Of the outbound proxy: where connections of the client's side go. */
  readonly outbound: number;
  /** Of the inbound proxy: its peer's connections come there as they are. */
  readonly mesh: number;
}

/** Where plaintext for the server's side would go; the bench sends none. */
const plainPort = 15_006;

/** Whoever is of the group `sidecarUser` is exempt. */
export async function capture(site: Site, ports: CapturePorts): Promise<void> {
  await load(site, site.clientNamespace, [
    "type nat hook output priority -100;",
    `meta skgid ${sidecarUser} return`,
    "oifname lo return",
    `meta l4proto tcp redirect to :${ports.outbound}`,
  ]);
  await load(site, site.serverNamespace, [
    "type nat hook prerouting priority -100;",
    `tcp dport ${ports.mesh} return`,
    `meta l4proto tcp redirect to :${plainPort}`,
  ]);
}

async function load(site: Site, namespace: string, chain: readonly string[]): Promise<void> {
  const file = `${site.folder}/${namespace}.nft`;
  writeFileSync(
    file,
    `table inet capture {\n  chain capture {\n    ${chain.join("\n    ")}\n  }\n}\n`,
  );
  await run("nsenter", [`--net=/var/run/netns/${namespace}`, "nft", "-f", file]);
}
