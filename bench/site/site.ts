/** The place where one pair runs: its namespaces, its folder, its certificates, and which core does what. */
import { mkdirSync } from "node:fs";
import type { Certificates } from "./certificates.ts";
import { createNetwork, moreServerAddresses, serverAddress } from "./network.ts";

/** One core for the two proxies, another for load and backend: neither can hide in the other's time. */
export interface Cores {
  readonly proxies: number;
  readonly load: number;
}

export interface Site {
  readonly clientNamespace: string;
  readonly serverNamespace: string;
  /** The server side's address as the client side sees it. */
  readonly serverAddress: string;
  /** What the outbound proxy spreads its requests over: the one address, or many for a scenario of many peers. */
  readonly destinations: readonly string[];
  readonly backendPort: number;
  readonly cores: Cores;
  readonly certificates: Certificates;
  /** For configuration files; removed with the site. */
  readonly folder: string;
  remove(): void;
}

/** User and group that a sidecar runs as; whose connections are not captured. */
export const sidecarUser = 15_008;

/** Of the Services that clients dial, one for each destination; on no interface, as in a cluster. */
export function serviceAddresses({ destinations }: Site): string[] {
  return destinations.map((_, at) => `10.96.1.${at + 10}`);
}

export const servicePort = 80;

/** Where a client dials the Service of the first destination. */
export function firstService(site: Site): { readonly host: string; readonly port: number } {
  return { host: serviceAddresses(site)[0] ?? "", port: servicePort };
}

export interface SiteOptions {
  readonly certificates: Certificates;
  readonly cores: Cores;
  readonly manyDestinations: boolean;
}

export function createSite(label: string, runFolder: string, options: SiteOptions): Site {
  const { certificates, cores, manyDestinations } = options;
  const network = createNetwork(label);
  const folder = `${runFolder}/${label}`;
  mkdirSync(folder, { recursive: true });
  return {
    clientNamespace: network.clientNamespace,
    serverNamespace: network.serverNamespace,
    serverAddress,
    destinations: [serverAddress, ...(manyDestinations ? moreServerAddresses : [])],
    backendPort: 8080,
    cores,
    certificates,
    folder,
    remove: () => network.remove(),
  };
}
