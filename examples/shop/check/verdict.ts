/** Judges what a check of the shop brought to light: pure, so that each rule can be tested. */
import type { Sample } from "../../../src/cli/traffic/metrics-text.ts";

/** One kind of visit, as the shopper application reports it. */
export interface Findings {
  readonly kind: string;
  readonly sent: number;
  readonly failed: number;
  readonly problems: readonly string[];
  /** `server=identity` → how often that server saw that caller. */
  readonly callers: Readonly<Record<string, number>>;
}

/** Traffic on one port between the pods, as a capture on their bridge saw it. */
export interface PortTraffic {
  readonly port: number;
  readonly connections: number;
  readonly payloadBytes: number;
  readonly tls: boolean;
  readonly sample: string | undefined;
}

/** A capture of everything between the pods, or why there is none. */
export type Wire =
  | { readonly kind: "captured"; readonly dropped: number; readonly ports: readonly PortTraffic[] }
  | { readonly kind: "not-captured"; readonly reason: string };

export interface Evidence {
  /** How many visits of each kind were asked for. */
  readonly rounds: number;
  readonly visits: readonly Findings[];
  /** What a customer got who called the ledger, which only the cart may. */
  readonly trespass: string;
  /** Application → its SPIFFE ID. */
  readonly identities: Readonly<Record<string, string>>;
  /** Application → the metrics of its sidecar after the visits. */
  readonly metrics: Readonly<Record<string, readonly Sample[]>>;
  readonly wire: Wire;
}

export interface Finding {
  readonly holds: boolean;
  /** A sentence for people. */
  readonly text: string;
}

/** Who calls whom in the shop. */
const callerOf: Readonly<Record<string, string>> = { web: "shopper", catalog: "web", cart: "web" };
/** Status pages of control plane and sidecars: asked by the kubelet and by Prometheus, who have no mesh identity. */
const openPorts = new Set([15014, 15020]);

/** One finding per thing that was checked; the check passes when all hold. */
export function judge(evidence: Evidence): Finding[] {
  return [
    ...evidence.visits.flatMap((visits) => judgeVisits(visits, evidence)),
    judgeTcp(evidence),
    judgePolicy(evidence),
    ...judgeCallers(evidence),
    judgeWire(evidence),
  ];
}

function judgeVisits(visits: Findings, evidence: Evidence): Finding[] {
  const { kind, sent, failed, problems, callers } = visits;
  const enough = sent >= evidence.rounds && failed === 0;
  const why = problems.length === 0 ? "" : `: ${problems.join("; ")}`;
  const work = {
    holds: enough,
    text: `${kind}: ${sent - failed} of ${evidence.rounds} visits are right${why}`,
  };
  const strangers = Object.entries(callers).filter(([seen, count]) => {
    const [server = "", caller] = seen.split("=");
    return caller !== evidence.identities[callerOf[server] ?? ""] || count !== sent;
  });
  const missing = Object.keys(callers).length === 0;
  const seen = strangers.map(([pair, count]) => `${pair || "nobody"} (${count} times)`);
  if (missing) return [work, { holds: false, text: `${kind}: no server told who had called it` }];
  if (strangers.length === 0) return [work];
  return [work, { holds: false, text: `${kind}: wrong callers were seen: ${seen.join(", ")}` }];
}

/** The ledger speaks TCP and cannot tell who called; its sidecar counts connections by peer. */
function judgeTcp(evidence: Evidence): Finding {
  const cart = evidence.identities["cart"] ?? "";
  const connections = (evidence.metrics["ledger"] ?? []).filter(
    (sample) =>
      sample.name === "remora_tcp_connections_total" &&
      sample.labels["direction"] === "inbound" &&
      sample.labels["peer"] === cart,
  );
  const good = sum(connections.filter((sample) => (sample.labels["error"] ?? "") === ""));
  const bad = sum(connections) - good;
  return {
    holds: good >= evidence.rounds && bad === 0,
    text: `tcp: ${good} connections from ${cart} to the ledger ended well, ${bad} did not`,
  };
}

function judgePolicy(evidence: Evidence): Finding {
  const denied = (evidence.metrics["ledger"] ?? []).filter(
    (sample) =>
      sample.name === "remora_tcp_connections_total" &&
      sample.labels["direction"] === "inbound" &&
      sample.labels["peer"] === evidence.identities["shopper"] &&
      sample.labels["error"] === "policy_denied",
  );
  const holds = evidence.trespass === "refused" && sum(denied) > 0;
  return {
    holds,
    text: `policy: a customer who calls the ledger is ${evidence.trespass}, and its sidecar counted ${sum(denied)} denials`,
  };
}

/** No pod may have served anybody without an identity. */
function judgeCallers(evidence: Evidence): Finding[] {
  const counted = new Set(["remora_requests_total", "remora_tcp_connections_total"]);
  const served = Object.entries(evidence.metrics).map(([app, samples]) => {
    const inbound = samples.filter(
      (sample) => counted.has(sample.name) && sample.labels["direction"] === "inbound",
    );
    const anonymous = inbound.filter(
      (sample) => sample.labels["peer"]?.startsWith("spiffe://") !== true,
    );
    return { app, all: sum(inbound), anonymous: sum(anonymous) };
  });
  const all = served.reduce((total, pod) => total + pod.all, 0);
  const bad = served.filter((pod) => pod.anonymous > 0);
  const names = bad.map((pod) => `${pod.app} (${pod.anonymous})`).join(", ");
  return [
    {
      holds: bad.length === 0 && all > 0,
      text:
        bad.length === 0
          ? `mTLS: all ${all} requests and connections that pods received came with an identity`
          : `mTLS: served without an identity: ${names}`,
    },
  ];
}

function judgeWire({ wire }: Evidence): Finding {
  if (wire.kind === "not-captured") {
    return {
      holds: true,
      text: `wire: not captured here (${wire.reason}); the sidecars' counters above stand for it`,
    };
  }
  const between = wire.ports.filter((traffic) => !openPorts.has(traffic.port));
  const plain = between.filter((traffic) => !traffic.tls && traffic.payloadBytes > 0);
  const bytes = between.reduce((total, traffic) => total + traffic.payloadBytes, 0);
  if (plain.length > 0) {
    const ports = plain.map(({ port, sample }) => `port ${port} ${JSON.stringify(sample ?? "")}`);
    return { holds: false, text: `wire: plaintext between pods: ${ports.join(", ")}` };
  }
  const incomplete = wire.dropped > 0 ? `; ${wire.dropped} packets were not seen` : "";
  return {
    holds: bytes > 0,
    text: `wire: ${bytes} bytes crossed between pods, all of them in TLS${incomplete}`,
  };
}

function sum(samples: readonly Sample[]): number {
  return samples.reduce((total, sample) => total + sample.value, 0);
}
