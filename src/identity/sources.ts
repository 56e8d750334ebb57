/** Where authority and token keys come from: directory and file of a local mesh, or the cluster. */
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import type { ReviewToken } from "./authenticate.ts";
import type { Authority } from "./authority.ts";
import { openAuthority } from "./authority-files.ts";
import { type ClusterSide, openClusterSide } from "./cluster/cluster-side.ts";
import type { IdentityConfig } from "./config.ts";
import { openKeyFile, type TokenKeySource } from "./jwks.ts";
import type { IdentityMetrics } from "./metrics.ts";
import type { TokenRules } from "./token.ts";

export interface IdentityPlatform {
  readonly clock: Clock;
  readonly log: Log;
}

export interface Sources {
  readonly authority: Watch<Authority>;
  readonly keys: TokenKeySource;
  readonly rules: () => TokenRules;
  readonly review: ReviewToken | undefined;
  close(): Promise<void>;
}

/** What is in files must be there; the cluster is waited for. */
export async function openSources(
  config: IdentityConfig,
  platform: IdentityPlatform,
  metrics: IdentityMetrics,
): Promise<Sources> {
  const cluster = needsCluster(config) ? openClusterSide(config, platform, metrics) : undefined;
  const { authority, stop } = await openAuthoritySource(config, platform, cluster);
  const tokens = await openTokenSource(config, platform, cluster);
  return {
    authority,
    ...tokens,
    async close() {
      stop();
      tokens.keys.close();
      await cluster?.close();
    },
  };
}

function needsCluster({ caDirectory, keyFile, reviewMode }: IdentityConfig): boolean {
  return caDirectory === undefined || keyFile === undefined || reviewMode !== "off";
}

async function openAuthoritySource(
  { caDirectory, trustDomain }: IdentityConfig,
  { clock, log }: IdentityPlatform,
  cluster: ClusterSide | undefined,
): Promise<{ readonly authority: Watch<Authority>; readonly stop: () => void }> {
  if (caDirectory !== undefined) {
    const { authority, origin } = openAuthority(caDirectory, trustDomain, clock.wallTime());
    const notAfter = new Date(authority.notAfter).toISOString();
    log.info({ origin, notAfter, issuer: authority.id }, "certificate authority open");
    return { authority: createWatch(authority), stop() {} };
  }
  if (cluster === undefined) throw new Error("no certificate authority is configured");
  return await cluster.authority();
}

async function openTokenSource(
  config: IdentityConfig,
  { clock, log }: IdentityPlatform,
  cluster: ClusterSide | undefined,
): Promise<Pick<Sources, "keys" | "rules" | "review">> {
  const { keyFile, tokenIssuer, tokenAudience: audience } = config;
  const review = config.reviewMode === "off" ? undefined : cluster?.review;
  if (keyFile !== undefined) {
    const rules = { issuer: tokenIssuer, audience };
    return { keys: openKeyFile(keyFile, clock, log), rules: () => rules, review };
  }
  if (cluster === undefined) throw new Error("no token keys are configured");
  const keys = await cluster.keys();
  const rules = (): TokenRules => ({
    issuer: tokenIssuer === "" ? keys.issuer() : tokenIssuer,
    audience,
    podBound: true,
  });
  return { keys, rules, review };
}
